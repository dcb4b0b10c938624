// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <unistd.h>

#include "cli/context.hpp"
#include "cli/import_format.hpp"
#include "cli/interruption.hpp"
#include "cli/progress_bar.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

constexpr std::size_t batch_lines = 200;
constexpr std::size_t batch_bytes = limits::batch_bytes_max / 2;
/// Read and not stored yet, whoever they are for: a file may be of many users.
constexpr std::size_t waiting_lines_max = 10'000;
constexpr std::size_t waiting_bytes_max = 32 * 1024 * 1024;
/// As good as for ever: a file may be imported again years later.
constexpr std::chrono::hours remembered{24 * 365 * 20};
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

struct import_wish {
  std::string path;
  bool is_mem0 = false;
};

/// Gathers memories by user_id and stores them in batches. The idempotency key
/// is made of a line's bytes, or of the id that it had elsewhere, so that
/// importing a file twice, or again after an interruption, stores nothing
/// twice.
template <class Client>
class importer {
public:
  /// How clients are opened, by their user_id.
  using opener = std::function<result<Client>(const std::string&)>;

  /// `noun` is what is counted: lines, or memories.
  importer(opener open, const context& shared, std::string noun)
    : open_(std::move(open)), shared_(shared), noun_(std::move(noun)) {}

  /// Fails with what is wrong with the line, by its number.
  result<void> add(std::size_t number, result<imported_line> line) {
    if (line && is_mem0() && line->user_id.empty() && shared_.user_id.empty())
      line = error{errc::invalid_argument,
                   "it has no user_id, agent_id, app_id or run_id, and what "
                   "lies at a key's root others may inherit; say whose such "
                   "memories are with --user-id"};
    auto checked = line ? validated(line->draft) : line.error();
    if (checked.has_error())
      return at_line(number, checked.error());
    auto target = client_of(line->user_id);
    if (target.has_error())
      return at_line(number, target.error());
    line->draft = std::move(*checked);
    line->draft.idempotency_key = "import " + line->identity;
    // Two lines of ours that are alike are two memories.
    if (!is_mem0())
      *line->draft.idempotency_key
        += ' ' + std::to_string(++seen_[line->identity]);
    line->draft.idempotency_lifetime = remembered;
    auto& waiting = waiting_[line->user_id];
    auto size = line->draft.content.size() + line->draft.metadata.size();
    waiting.bytes += size;
    waiting_bytes_ += size;
    ++waiting_lines_;
    waiting.lines.push_back(number);
    waiting.drafts.push_back(std::move(line->draft));
    if (waiting.drafts.size() == batch_lines || waiting.bytes > batch_bytes)
      return store(line->user_id);
    if (waiting_lines_ > waiting_lines_max
        || waiting_bytes_ > waiting_bytes_max)
      return finish();
    return {};
  }

  result<void> finish() {
    while (!waiting_.empty())
      if (auto done = store(waiting_.begin()->first); done.has_error())
        return done;
    return {};
  }

  /// What was stored now.
  std::size_t stored() const {
    return stored_;
  }
  /// What had been stored by a former run, even if it was deleted since.
  std::size_t known() const {
    return known_;
  }

private:
  bool is_mem0() const {
    return noun_ == "memory";
  }

  struct batch {
    std::vector<std::size_t> lines;
    std::vector<memory_draft> drafts;
    std::size_t bytes = 0;
  };

  error at_line(std::size_t number, error why) const {
    why.detail = noun_ + ' ' + std::to_string(number) + ": " + why.detail;
    return why;
  }

  result<Client*> client_of(const std::string& user_id) {
    auto found = clients_.find(user_id);
    if (found == clients_.end()) {
      auto name = user_id.empty() ? shared_.user_id : user_id;
      auto made = open_(name);
      if (made.has_error())
        return made.error();
      found = clients_.emplace(user_id, std::move(*made)).first;
    }
    return &found->second;
  }

  result<void> store(const std::string& user_id) {
    auto target = client_of(user_id);
    if (target.has_error())
      return target.error();
    auto waiting = std::move(waiting_.at(user_id));
    waiting_.erase(user_id);
    waiting_lines_ -= waiting.lines.size();
    waiting_bytes_ -= waiting.bytes;
    auto made = (*target)->import_memories(waiting.drafts);
    if (made.has_error() && waiting.drafts.size() > 1)
      return store_one_by_one(**target, waiting);
    if (made.has_error())
      return at_line(waiting.lines.front(), made.error());
    count(*made, waiting.drafts.size());
    return {};
  }

  /// To find the line that a batch was refused for, and keep the others.
  result<void> store_one_by_one(const Client& target, const batch& waiting) {
    for (std::size_t i = 0; i < waiting.drafts.size(); ++i) {
      auto made = target.import_memories({waiting.drafts[i]});
      if (made.has_error())
        return at_line(waiting.lines[i], made.error());
      count(*made, 1);
    }
    return {};
  }

  void count(std::size_t created, std::size_t asked) {
    stored_ += created;
    known_ += asked - created;
  }

  opener open_;
  const context& shared_;
  const std::string noun_;
  std::map<std::string, Client> clients_;
  std::map<std::string, batch> waiting_;
  std::map<std::string, std::size_t> seen_;
  std::size_t waiting_lines_ = 0;
  std::size_t waiting_bytes_ = 0;
  std::size_t stored_ = 0;
  std::size_t known_ = 0;
};

std::uint64_t size_of(const std::string& path) {
  std::error_code failed;
  auto size = std::filesystem::file_size(path, failed);
  return failed ? 0 : size;
}

struct read_input {
  std::size_t lines = 0;
  bool interrupted = false;
};

/// Stores what `in` has. What was read before a bad line is kept.
template <class Importer>
result<read_input> read_all(std::istream& in, std::uint64_t size, bool quiet,
                            Importer& target) {
  read_input out;
  std::string line;
  std::uint64_t bytes = 0;
  interruption watched;
  progress_bar progress{"importing", size, quiet};
  while (std::getline(in, line)) {
    // What is left of a line that was being typed is none.
    out.interrupted = interruption::has_come();
    if (out.interrupted)
      break;
    bytes += line.size() + 1;
    if (++out.lines == 1 && line.starts_with(byte_order_mark))
      line.erase(0, byte_order_mark.size());
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    if (auto done = target.add(out.lines, parse_line(line)); done.has_error()) {
      auto kept = target.finish();
      return kept ? done.error() : kept.error();
    }
    progress.show(bytes, counted(target.stored(), "memory", "memories"));
  }
  if (auto done = target.finish(); done.has_error())
    return done.error();
  out.interrupted = interruption::has_come();
  return out;
}

/// The same of what mem0 wrote, which need not have lines.
template <class Importer>
result<read_input> read_mem0(std::istream& in, std::uint64_t size, bool quiet,
                             Importer& target) {
  read_input out;
  std::uint64_t bytes = 0;
  interruption watched;
  progress_bar progress{"importing", size, quiet};
  mem0_reader reader{[&](result<imported_line> line) {
    return target.add(++out.lines, std::move(line));
  }};
  std::string piece(std::size_t{1} << 16U, '\0');
  result<void> done;
  while (done && in && !interruption::has_come()) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    auto count = static_cast<std::size_t>(in.gcount());
    std::string_view read{piece.data(), count};
    if (bytes == 0 && read.starts_with(byte_order_mark))
      read.remove_prefix(byte_order_mark.size());
    bytes += count;
    done = reader.add(read);
    progress.show(bytes, counted(target.stored(), "memory", "memories"));
  }
  out.interrupted = interruption::has_come();
  if (done && !out.interrupted)
    done = reader.finish();
  auto kept = target.finish();
  if (done.has_error() || kept.has_error())
    return kept ? done.error() : kept.error();
  return out;
}

template <class Importer>
exit_code show_imported(const context& shared, const Importer& target,
                        std::size_t lines) {
  if (shared.style.json)
    print_json(json::object{{"imported", target.stored()},
                            {"known", target.known()},
                            {"lines", lines}});
  else if (!shared.style.quiet)
    std::cout << counted(target.stored(), "memory", "memories") << " imported"
              << (target.known() == 0
                    ? std::string{".\n"}
                    : ", " + std::to_string(target.known())
                        + " had been imported before (those deleted since stay "
                          "deleted) or have expired.\n");
  return exit_code::done;
}

template <class Client>
exit_code import_from(std::istream& in, const import_wish& wish,
                      const context& shared,
                      typename importer<Client>::opener open) {
  const auto& path = wish.path;
  auto is_quiet = shared.style.quiet;
  importer<Client> target{std::move(open), shared,
                          wish.is_mem0 ? "memory" : "line"};
  auto read = wish.is_mem0 ? read_mem0(in, size_of(path), is_quiet, target)
                           : read_all(in, size_of(path), is_quiet, target);
  auto stored = "; " + counted(target.stored(), "memory is", "memories are")
                + " stored; ";
  if (read.has_error())
    return fail({read.error().code,
                 read.error().detail + stored + "run it again when mended"});
  if (in.bad())
    return fail({errc::unavailable, path + " could not be read to its end"
                                      + stored + "run it again"});
  if (read->interrupted)
    return fail({errc::unavailable, std::string{"interrupted after "}
                                      + (wish.is_mem0 ? "memory " : "line ")
                                      + std::to_string(read->lines) + stored
                                      + "run it again to go on"});
  return show_imported(shared, target, read->lines);
}

exit_code run_import(context& shared, const import_wish& wish) {
  const auto& path = wish.path;
  if (auto known = shared.check_identity(); known.has_error())
    return fail(known.error());
  if (shared.api_key.empty())
    return fail({errc::unauthenticated,
                 "an API key is needed; give --api-key or CLOISTER_API_KEY"});
  std::ifstream file{path};
  if (path != "-" && (!file || std::filesystem::is_directory(path)))
    return fail(
      {errc::not_found, path + " cannot be read, or is no file; see its path"});
  // A file stream goes on reading where Ctrl-C would end a wait.
  auto waits = path != "-" && !std::filesystem::is_regular_file(path);
  if (waits && std::freopen(path.c_str(), "r", stdin) == nullptr)
    return fail({errc::not_found, path + " cannot be read"});
  auto& in = path == "-" || waits ? std::cin : file;
  if (!shared.url.empty())
    return import_from<remote_client>(
      in, wish, shared,
      [&](const std::string& name) { return shared.open_remote(name); });
  return show(shared.open_runtime(), [&](const runtime& opened) {
    return import_from<client>(in, wish, shared, [&](const std::string& name) {
      return opened.client(shared.api_key, name);
    });
  });
}

} // namespace

void add_import_command(CLI::App& app, context& shared) {
  auto command = app.add_subcommand("import", "Store memories from a file of "
                                              "JSON lines");
  command->footer("Each line: {\"content\": …, \"user_id\"?, "
                  "\"memory_type\"?, \"metadata\"?, \"key\"?, "
                  "\"created_at\"?, \"expires_at\"?}\nWith --format mem0: what "
                  "mem0's getAll or an export answered, as it is.\nRunning it "
                  "again stores nothing twice.\nExamples:\n  cloister import "
                  "acme.jsonl\n  zcat old.jsonl.gz | cloister import - "
                  "--user-id user_sarah\n  cloister import --format mem0 "
                  "memories.json");
  auto wish = std::make_shared<import_wish>();
  auto format = std::make_shared<std::string>("cloister");
  command->add_option("file", wish->path, "- for standard input")->required();
  command->add_option("--format", *format, "cloister or mem0")
    ->check(CLI::IsMember({"cloister", "mem0"}));
  command->callback([&shared, wish, format] {
    wish->is_mem0 = *format == "mem0";
    shared.run = [wish](context& c) { return run_import(c, *wish); };
  });
}

} // namespace cloister::cli
