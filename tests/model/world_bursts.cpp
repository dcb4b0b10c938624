// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>

#include "tests/model/world.hpp"

namespace cloister::test {

namespace {

/// What came of calls that were made at once.
class outcomes {
public:
  struct created {
    std::string path;
    memory_draft draft;
    result<memory> made;
    errc expected;
  };
  struct read {
    std::string path;
    result<search_results> found;
    errc expected;
  };

  void expect() {
    ++expected_;
  }
  void add(created one) {
    std::lock_guard guard{mutex_};
    created_.push_back(std::move(one));
    changed_.notify_all();
  }
  void add(read one) {
    std::lock_guard guard{mutex_};
    read_.push_back(std::move(one));
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock guard{mutex_};
    changed_.wait(
      guard, [this] { return created_.size() + read_.size() == expected_; });
  }

  std::vector<created> created_;
  std::vector<read> read_;

private:
  std::size_t expected_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

template <class T>
errc code_of(const result<T>& outcome) {
  return outcome ? errc::ok : outcome.error().code;
}

} // namespace

/// Calls on many scopes at once, none waited for, while the clock sends idle
/// scopes to sleep. Afterwards the model takes over what was stored.
void world::burst() {
  outcomes all;
  for (std::size_t i = 0; i < 4 + pick(12); ++i) {
    const auto& who = principals_[pick(principals_.size())];
    auto path = random_static_path();
    auto bound = runtime_->client(who.api_key, path);
    if (bound.has_error())
      continue;
    all.expect();
    if (pick(3) == 0) {
      auto expected
        = who.may(permissions::read, path) ? errc::ok : errc::forbidden;
      bound->search_memories(
        {.query = model_words()[pick(model_words().size())], .limit = 1000},
        [&all, path, expected](result<search_results> found) {
          all.add(outcomes::read{path, std::move(found), expected});
        });
    } else {
      auto wanted = random_draft();
      // Which of two with one key came first cannot be known.
      wanted.key = std::nullopt;
      auto expected
        = who.may(permissions::write, path) ? errc::ok : errc::forbidden;
      bound->create_memory(
        wanted, [&all, path, wanted, expected](result<memory> made) {
          all.add(outcomes::created{path, wanted, std::move(made), expected});
        });
    }
    if (pick(4) == 0)
      node_.time->advance(idle / 2 * 3);
  }
  all.wait();
  for (const auto& [path, draft, made, expected] : all.created_) {
    // The clock may have gone past a draft's expiry before it was stored.
    auto late = draft.expires_at && code_of(made) == errc::invalid_argument;
    INFO((made ? std::string{} : made.error().detail));
    REQUIRE((late || code_of(made) == expected));
    if (made && (!draft.expires_at || *draft.expires_at > node_.time->now()))
      stored(path, draft, *made);
  }
  for (const auto& [path, found, expected] : all.read_) {
    REQUIRE(code_of(found) == expected);
    if (found)
      for (const auto& hit : found->results)
        CHECK(hit.where.path() == path);
  }
}

} // namespace cloister::test
