// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/simulated_file_system.hpp"

namespace cloister::test {

using persistence::directory_of;

std::optional<fault> simulated_file_system::next_call(bool needs_space) {
  ++calls_;
  if (dead_)
    return fault::power_loss;
  if (planned_ != 0 && calls_ == planned_) {
    happened_ = true;
    full_ = what_ == fault::no_space;
    dead_ = what_ == fault::power_loss;
    if (full_ && !needs_space)
      return std::nullopt;
    return what_;
  }
  if (full_ && needs_space)
    return fault::no_space;
  return std::nullopt;
}

error simulated_file_system::failed() {
  return {errc::unavailable, "simulated failure"};
}

struct simulated_file_system::appender final
  : public persistence::appendable_file {
  appender(simulated_file_system& fs, inode_ptr file)
    : fs_(fs), file_(std::move(file)) {}

  result<void> append(bytes_view data) override {
    std::lock_guard guard{fs_.mutex_};
    if (auto wrong = fs_.next_call(true)) {
      if (*wrong == fault::tear)
        file_->content.append(data.substr(0, data.size() / 2));
      return failed();
    }
    file_->content.append(data);
    return {};
  }
  result<void> flush() override {
    return {};
  }
  result<void> sync() override {
    std::lock_guard guard{fs_.mutex_};
    if (fs_.next_call(true))
      return failed();
    file_->durable = file_->content;
    return {};
  }
  result<void> close() override {
    return {};
  }

  simulated_file_system& fs_;
  inode_ptr file_;
};

struct simulated_file_system::randomizer final
  : public persistence::random_file {
  randomizer(simulated_file_system& fs, inode_ptr file)
    : fs_(fs), file_(std::move(file)) {}

  result<bytes_view> read(std::uint64_t offset, std::size_t size,
                          char* scratch) const override {
    std::lock_guard guard{fs_.mutex_};
    if (fs_.dead_)
      return failed();
    if (offset >= file_->content.size())
      return bytes_view{};
    auto got = file_->content.copy(scratch, size, offset);
    return bytes_view{scratch, got};
  }
  result<void> write(std::uint64_t offset, bytes_view data) override {
    std::lock_guard guard{fs_.mutex_};
    auto wrong = fs_.next_call(true);
    if (wrong && *wrong != fault::tear)
      return failed();
    auto part = wrong ? data.substr(0, data.size() / 2) : data;
    if (file_->content.size() < offset + part.size())
      file_->content.resize(offset + part.size());
    file_->content.replace(offset, part.size(), part);
    return wrong ? result<void>{failed()} : result<void>{};
  }
  result<void> sync() override {
    std::lock_guard guard{fs_.mutex_};
    if (fs_.next_call(true))
      return failed();
    file_->durable = file_->content;
    return {};
  }
  result<std::uint64_t> size() const override {
    std::lock_guard guard{fs_.mutex_};
    return file_->content.size();
  }

  simulated_file_system& fs_;
  inode_ptr file_;
};

struct simulated_file_system::holder final : public persistence::file_lock {
  holder(simulated_file_system& fs, inode_ptr file)
    : fs_(fs), file_(std::move(file)) {}
  ~holder() override {
    std::lock_guard guard{fs_.mutex_};
    file_->locked = false;
  }
  simulated_file_system& fs_;
  inode_ptr file_;
};

void simulated_file_system::plan(std::uint64_t call, fault what) {
  std::lock_guard guard{mutex_};
  calls_ = 0;
  planned_ = call;
  what_ = what;
  happened_ = false;
}

void simulated_file_system::free_up() {
  std::lock_guard guard{mutex_};
  full_ = false;
}

std::uint64_t simulated_file_system::calls() const {
  std::lock_guard guard{mutex_};
  return calls_;
}

bool simulated_file_system::fault_happened() const {
  std::lock_guard guard{mutex_};
  return happened_;
}

std::shared_ptr<simulated_file_system>
simulated_file_system::after_power_loss() const {
  std::lock_guard guard{mutex_};
  auto out = std::make_shared<simulated_file_system>();
  for (const auto& [path, file] : durable_files_) {
    auto copy = std::make_shared<inode>();
    copy->content = file->durable;
    copy->durable = file->durable;
    out->files_[path] = copy;
    out->durable_files_[path] = copy;
  }
  return out;
}

std::shared_ptr<simulated_file_system>
simulated_file_system::after_kill() const {
  std::lock_guard guard{mutex_};
  auto out = std::make_shared<simulated_file_system>();
  for (const auto& [path, file] : files_) {
    auto copy = std::make_shared<inode>();
    copy->content = file->content;
    copy->durable = file->content;
    out->files_[path] = copy;
    out->durable_files_[path] = copy;
  }
  return out;
}

void simulated_file_system::flip(const std::string& path, std::size_t byte,
                                 int bit) {
  std::lock_guard guard{mutex_};
  auto& c = files_.at(path)->content.at(byte);
  c = static_cast<char>(c ^ (1 << bit));
  files_.at(path)->durable = files_.at(path)->content;
}

void simulated_file_system::truncate(const std::string& path,
                                     std::size_t size) {
  std::lock_guard guard{mutex_};
  files_.at(path)->content.resize(size);
  files_.at(path)->durable = files_.at(path)->content;
}

std::string simulated_file_system::content(const std::string& path) const {
  std::lock_guard guard{mutex_};
  return files_.at(path)->content;
}

std::vector<std::string> simulated_file_system::paths() const {
  std::lock_guard guard{mutex_};
  std::vector<std::string> out;
  for (const auto& [path, file] : files_)
    out.push_back(path);
  return out;
}

result<std::unique_ptr<persistence::appendable_file>>
simulated_file_system::create(const std::string& path) {
  return appendable(path, true);
}

result<std::unique_ptr<persistence::appendable_file>>
simulated_file_system::open_append(const std::string& path) {
  return appendable(path, false);
}

result<std::unique_ptr<persistence::appendable_file>>
simulated_file_system::appendable(const std::string& path, bool empty) {
  std::lock_guard guard{mutex_};
  if (next_call(true))
    return failed();
  auto& file = files_[path];
  // An emptied file is a new one: its old content may survive a power loss.
  if (!file || empty)
    file = std::make_shared<inode>();
  return std::make_unique<appender>(*this, file);
}

result<std::unique_ptr<persistence::random_file>>
simulated_file_system::open_random(const std::string& path,
                                   persistence::open_mode mode) {
  std::lock_guard guard{mutex_};
  if (dead_)
    return failed();
  auto found = files_.find(path);
  if (found == files_.end()) {
    if (mode == persistence::open_mode::read_only)
      return error{errc::not_found, "no such file: " + path};
    if (next_call(true))
      return failed();
    found = files_.emplace(path, std::make_shared<inode>()).first;
  }
  return std::make_unique<randomizer>(*this, found->second);
}

bool simulated_file_system::exists(const std::string& path) {
  std::lock_guard guard{mutex_};
  if (files_.contains(path))
    return true;
  auto below = files_.lower_bound(path + '/');
  return below != files_.end() && below->first.starts_with(path + '/');
}

result<std::vector<std::string>>
simulated_file_system::list(const std::string& path) {
  std::lock_guard guard{mutex_};
  std::vector<std::string> names;
  auto prefix = path + '/';
  for (const auto& [name, file] : files_) {
    if (!name.starts_with(prefix))
      continue;
    auto rest = name.substr(prefix.size());
    rest = rest.substr(0, rest.find('/'));
    if (names.empty() || names.back() != rest)
      names.push_back(rest);
  }
  return names;
}

result<void> simulated_file_system::remove(const std::string& path) {
  std::lock_guard guard{mutex_};
  if (next_call(false))
    return failed();
  if (files_.erase(path) == 0)
    return error{errc::not_found, "no such file: " + path};
  if (reserve_makes_room && path.ends_with("/reserve"))
    full_ = false;
  return {};
}

result<void> simulated_file_system::make_directory(const std::string&) {
  return {};
}

result<void> simulated_file_system::remove_directory(const std::string&) {
  return {};
}

result<std::uint64_t>
simulated_file_system::file_size(const std::string& path) {
  std::lock_guard guard{mutex_};
  auto found = files_.find(path);
  if (found == files_.end())
    return error{errc::not_found, "no such file: " + path};
  return found->second->content.size();
}

result<void> simulated_file_system::rename(const std::string& from,
                                           const std::string& to) {
  std::lock_guard guard{mutex_};
  if (next_call(true))
    return failed();
  auto found = files_.find(from);
  if (found == files_.end())
    return rename_directory(from, to);
  files_[to] = found->second;
  files_.erase(from);
  return {};
}

namespace {

/// Everything below a directory, under its new name.
template <class Files>
bool move_below(Files& files, const std::string& from, const std::string& to) {
  Files moved;
  for (auto at = files.lower_bound(from + '/');
       at != files.end() && at->first.starts_with(from + '/');
       at = files.erase(at))
    moved[to + at->first.substr(from.size())] = at->second;
  files.merge(moved);
  return !moved.empty() || files.lower_bound(to + '/') != files.end();
}

} // namespace

/// Durable once the directory that it is in is synced.
result<void> simulated_file_system::rename_directory(const std::string& from,
                                                     const std::string& to) {
  if (!move_below(files_, from, to))
    return error{errc::not_found, "no such file: " + from};
  renamed_.emplace_back(from, to);
  return {};
}

result<void> simulated_file_system::sync_directory(const std::string& path) {
  std::lock_guard guard{mutex_};
  if (next_call(true))
    return failed();
  std::erase_if(renamed_, [&](const auto& each) {
    if (directory_of(each.second) != path)
      return false;
    move_below(durable_files_, each.first, each.second);
    return true;
  });
  std::erase_if(durable_files_, [&](const auto& entry) {
    return directory_of(entry.first) == path && !files_.contains(entry.first);
  });
  for (const auto& [name, file] : files_)
    if (directory_of(name) == path)
      durable_files_[name] = file;
  return {};
}

result<std::unique_ptr<persistence::file_lock>>
simulated_file_system::lock(const std::string& path) {
  std::lock_guard guard{mutex_};
  if (dead_)
    return failed();
  auto& file = files_[path];
  if (!file)
    file = std::make_shared<inode>();
  if (file->locked)
    return error{errc::conflict, "somebody else holds " + path};
  file->locked = true;
  return std::make_unique<holder>(*this, file);
}

result<std::uint64_t> simulated_file_system::free_space(const std::string&) {
  return space.load();
}

result<void> simulated_file_system::preallocate(const std::string& path,
                                                std::uint64_t) {
  std::lock_guard guard{mutex_};
  if (next_call(true))
    return failed();
  files_[path] = std::make_shared<inode>();
  return {};
}

} // namespace cloister::test
