// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/error.hpp>
#include <caf/typed_actor.hpp>

#include "runtime/runtime.hpp"

/// Cloister for programs that are CAF actors themselves: the one public header
/// with CAF in it. Open the runtime with `.system = &system`, so that all
/// actors share one scheduler, and talk to a client's memories by message.
///
///   auto memories = cloister::spawn_client(system, client);
///   self->request(memories, timeout, cloister::search_memory{{.query = "…"}})
///     .then([=](const cloister::search_results& found) { … },
///           [=](caf::error& failure) { … });
///
/// Messages are for actors of the same process: they are not serialized.
namespace cloister {

// -- what can be asked; see `client` for what each does and how it fails --

/// Store a memory.
struct create_memory {
  memory_draft draft;
};
/// Store memories, all or none.
struct create_memories {
  std::vector<memory_draft> drafts;
};
/// Read a memory.
struct get_memory {
  memory_id id;
};
/// List memories.
struct list_memory {
  list_options options;
};
/// Search memories.
struct search_memory {
  search_options options;
};
/// Change a memory.
struct update_memory {
  memory_id id;
  memory_patch patch;
  std::optional<std::uint32_t> if_revision = {};
};
/// Delete a memory.
struct delete_memory {
  memory_id id;
  std::optional<std::uint32_t> if_revision = {};
};
/// Delete all memories of the scope.
struct delete_all_memories {};
/// Read all revisions of a memory.
struct memory_history {
  memory_id id;
};
/// Make an old revision the newest.
struct restore_memory {
  memory_id id;
  std::uint32_t revision = 0;
};
/// Copy a memory to another scope.
struct share_memory {
  memory_id id;
  /// A scope, named like a user_id.
  std::string to;
};

/// Open a session under the scope: the sender owns it, and it ends when the
/// sender does, however that comes about.
struct open_session {
  session_options options;
};
/// Start the lease and the idle time of this session anew.
struct renew_session {};
/// End this session.
struct end_session {};
/// Move memories of this session to the scope above.
struct promote_memory {
  std::vector<memory_id> ids;
  /// Another scope than the one above, named like a user_id.
  std::string to = {};
};

/// Several memories that were copied.
struct located_memories {
  std::vector<located_memory> memories;
};

/// Several memories: stored ones, or the revisions of one.
struct memory_batch {
  std::vector<memory> memories;
};
/// How many memories were deleted.
struct deleted_count {
  std::uint64_t deleted = 0;
};

struct opened_session;

/// To itself: an outcome has come.
struct outcome_arrived {
  std::shared_ptr<std::function<void()>> deliver;
};

/// Does what a client does, and answers when it is done. Requests are not done
/// one after the other: several may be on their way. Errors are `caf::error`s;
/// `to_error` reads them.
using client_actor = caf::typed_actor<
  // Stores a memory; replies once it is durable.
  caf::replies_to<create_memory>::with<memory>,
  // Stores all or none.
  caf::replies_to<create_memories>::with<memory_batch>,
  caf::replies_to<get_memory>::with<memory>,
  // Newest first, a page at a time.
  caf::replies_to<list_memory>::with<memory_list>,
  // Best first.
  caf::replies_to<search_memory>::with<search_results>,
  caf::replies_to<update_memory>::with<memory>,
  caf::replies_to<delete_memory>::with<deleted_count>,
  caf::replies_to<delete_all_memories>::with<deleted_count>,
  // All revisions, newest first.
  caf::replies_to<memory_history>::with<memory_batch>,
  caf::replies_to<restore_memory>::with<memory>,
  // Copies a memory to another scope.
  caf::replies_to<share_memory>::with<located_memory>,
  // Opens a session, which ends with the sender.
  caf::replies_to<open_session>::with<opened_session>,
  caf::replies_to<renew_session>::with<session_info>,
  // Ends this session; replies once nothing of it can be read.
  caf::replies_to<end_session>::with<erasure_receipt>,
  // Moves memories of this session to where they stay.
  caf::replies_to<promote_memory>::with<located_memories>,
  // To itself.
  caf::reacts_to<outcome_arrived>>;

/// A session that was opened. It ends, at the latest, with the last reference
/// to its actor.
struct opened_session {
  client_actor memories;
  session_info info;
};

/// Starts an actor that does what `bound` may do. It ends when nobody refers to
/// it any more, or when it is told to.
client_actor spawn_client(caf::actor_system& system, client bound);

/// An error of Cloister as CAF carries it, and back. Another error of CAF's
/// becomes `unavailable`.
caf::error to_caf_error(const error& failure);
error to_error(const caf::error& failure);

} // namespace cloister

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::create_memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::create_memories)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::get_memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::list_memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::search_memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::update_memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::delete_memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::delete_all_memories)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::memory_history)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::restore_memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::share_memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::open_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::opened_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::renew_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::end_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::promote_memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::session_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::erasure_receipt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::located_memories)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::outcome_arrived)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::memory_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::memory_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::search_results)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::deleted_count)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::located_memory)
