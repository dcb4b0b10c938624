// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/leveldb_env.hpp"

#include <atomic>
#include <cstdarg>
#include <mutex>

namespace cloister::persistence {

namespace {

/// A directory whose entries must be synced before anything else counts as
/// durable.
class unsynced_directory {
public:
  explicit unsynced_directory(std::shared_ptr<file_system> files)
    : files_(std::move(files)) {}

  void note(std::string path) {
    std::lock_guard guard{mutex_};
    path_ = std::move(path);
    pending_.store(true, std::memory_order_release);
  }

  result<void> settle() {
    if (!pending_.load(std::memory_order_acquire))
      return {};
    std::lock_guard guard{mutex_};
    if (auto done = files_->sync_directory(path_); done.has_error())
      return done;
    pending_.store(false, std::memory_order_release);
    return {};
  }

private:
  std::shared_ptr<file_system> files_;
  std::mutex mutex_;
  std::string path_;
  std::atomic<bool> pending_{false};
};

leveldb::Status to_status(const error& failure) {
  if (failure.code == errc::not_found)
    return leveldb::Status::NotFound(failure.detail);
  return leveldb::Status::IOError(failure.detail);
}

template <class T>
leveldb::Status to_status(const result<T>& outcome) {
  return outcome.has_error() ? to_status(outcome.error())
                             : leveldb::Status::OK();
}

bytes_view to_view(const leveldb::Slice& slice) {
  return {slice.data(), slice.size()};
}

class sequential_file final : public leveldb::SequentialFile {
public:
  explicit sequential_file(std::unique_ptr<random_file> file)
    : file_(std::move(file)) {}

  leveldb::Status Read(std::size_t n, leveldb::Slice* out,
                       char* scratch) override {
    auto got = file_->read(at_, n, scratch);
    if (got.has_error())
      return to_status(got.error());
    at_ += got->size();
    *out = leveldb::Slice{got->data(), got->size()};
    return leveldb::Status::OK();
  }

  leveldb::Status Skip(std::uint64_t n) override {
    at_ += n;
    return leveldb::Status::OK();
  }

private:
  std::unique_ptr<random_file> file_;
  std::uint64_t at_ = 0;
};

class table_file final : public leveldb::RandomAccessFile {
public:
  table_file(std::unique_ptr<random_file> file, std::string name,
             std::shared_ptr<table_guard> guard)
    : file_(std::move(file)),
      name_(std::move(name)),
      guard_(std::move(guard)) {}

  leveldb::Status Read(std::uint64_t offset, std::size_t n, leveldb::Slice* out,
                       char* scratch) const override {
    auto got = file_->read(offset, n, scratch);
    if (got.has_error())
      return to_status(got.error());
    auto read = *got;
    if (guard_ && read.size() != n)
      guard_->note_damaged(name_);
    // LevelDB would read a footer from what is not there.
    if (read.size() != n)
      return leveldb::Status::Corruption(name_, "the file is cut off");
    if (guard_)
      read = guard_->check(*file_, name_, offset, read, scratch);
    *out = leveldb::Slice{read.data(), read.size()};
    return leveldb::Status::OK();
  }

private:
  std::unique_ptr<random_file> file_;
  std::string name_;
  std::shared_ptr<table_guard> guard_;
};

class writable_file final : public leveldb::WritableFile {
public:
  writable_file(std::unique_ptr<appendable_file> file,
                std::shared_ptr<file_system> files,
                std::shared_ptr<unsynced_directory> renamed,
                std::string manifest_dir)
    : file_(std::move(file)),
      files_(std::move(files)),
      renamed_(std::move(renamed)),
      manifest_dir_(std::move(manifest_dir)) {}

  leveldb::Status Append(const leveldb::Slice& data) override {
    return to_status(file_->append(to_view(data)));
  }
  leveldb::Status Close() override {
    return to_status(file_->close());
  }
  leveldb::Status Flush() override {
    return to_status(file_->flush());
  }
  leveldb::Status Sync() override {
    if (auto done = renamed_->settle(); done.has_error())
      return to_status(done);
    // A manifest names tables: their directory entries must be there first.
    if (!manifest_dir_.empty())
      if (auto done = files_->sync_directory(manifest_dir_); done.has_error())
        return to_status(done);
    return to_status(file_->sync());
  }

private:
  std::unique_ptr<appendable_file> file_;
  std::shared_ptr<file_system> files_;
  std::shared_ptr<unsynced_directory> renamed_;
  std::string manifest_dir_;
};

class lock_holder final : public leveldb::FileLock {
public:
  explicit lock_holder(std::unique_ptr<file_lock> lock)
    : lock_(std::move(lock)) {}

private:
  std::unique_ptr<file_lock> lock_;
};

/// LevelDB's info log can hold keys; nobody needs it.
class silent_logger final : public leveldb::Logger {
public:
  void Logv(const char*, std::va_list) override {}
};

std::string base_name(const std::string& path) {
  auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

class file_system_env final : public leveldb::EnvWrapper {
public:
  file_system_env(std::shared_ptr<file_system> files,
                  std::shared_ptr<table_guard> guard)
    : EnvWrapper(leveldb::Env::Default()),
      files_(std::move(files)),
      guard_(std::move(guard)),
      renamed_(std::make_shared<unsynced_directory>(files_)) {}

  leveldb::Status NewSequentialFile(const std::string& path,
                                    leveldb::SequentialFile** out) override {
    auto file = files_->open_random(path, open_mode::read_only);
    *out = file ? new sequential_file{std::move(*file)} : nullptr;
    if (guard_)
      guard_->note_sequential(base_name(path));
    return to_status(file);
  }

  leveldb::Status
  NewRandomAccessFile(const std::string& path,
                      leveldb::RandomAccessFile** out) override {
    auto file = files_->open_random(path, open_mode::read_only);
    *out = file ? new table_file{std::move(*file), base_name(path), guard_}
                : nullptr;
    // "Not found" would mean that a record is not there, where its whole table
    // is missing.
    if (file.has_error() && file.error().code == errc::not_found)
      return leveldb::Status::Corruption(path, "the file is missing");
    return to_status(file);
  }

  leveldb::Status NewWritableFile(const std::string& path,
                                  leveldb::WritableFile** out) override {
    *out = nullptr;
    auto file = files_->create(path);
    if (file.has_error())
      return to_status(file.error());
    auto name = base_name(path);
    if (name.ends_with(".log")) {
      if (auto done = files_->sync_directory(directory_of(path));
          done.has_error())
        return to_status(done);
    }
    auto manifest_dir
      = name.starts_with("MANIFEST") ? directory_of(path) : std::string{};
    *out = new writable_file{std::move(*file), files_, renamed_, manifest_dir};
    return leveldb::Status::OK();
  }

  leveldb::Status NewAppendableFile(const std::string& path,
                                    leveldb::WritableFile** out) override {
    auto file = files_->open_append(path);
    *out = file ? new writable_file{std::move(*file), files_, renamed_, {}}
                : nullptr;
    return to_status(file);
  }

  bool FileExists(const std::string& path) override {
    return files_->exists(path);
  }

  leveldb::Status GetChildren(const std::string& path,
                              std::vector<std::string>* out) override {
    auto names = files_->list(path);
    if (names)
      *out = std::move(*names);
    return to_status(names);
  }

  leveldb::Status RemoveFile(const std::string& path) override {
    // What CURRENT replaced must outlast its rename.
    if (auto done = renamed_->settle(); done.has_error())
      return to_status(done);
    return to_status(files_->remove(path));
  }

  leveldb::Status CreateDir(const std::string& path) override {
    return to_status(files_->make_directory(path));
  }

  leveldb::Status RemoveDir(const std::string& path) override {
    return to_status(files_->remove_directory(path));
  }

  leveldb::Status GetFileSize(const std::string& path,
                              std::uint64_t* size) override {
    auto found = files_->file_size(path);
    *size = found ? *found : 0;
    return to_status(found);
  }

  leveldb::Status RenameFile(const std::string& from,
                             const std::string& to) override {
    auto done = files_->rename(from, to);
    // LevelDB takes an error for "not renamed" and removes the manifest that
    // CURRENT names by now. So a sync that fails is made up for before the next
    // file is synced or removed.
    if (done && base_name(to) == "CURRENT") {
      renamed_->note(directory_of(to));
      static_cast<void>(renamed_->settle());
    }
    return to_status(done);
  }

  leveldb::Status LockFile(const std::string& path,
                           leveldb::FileLock** out) override {
    auto lock = files_->lock(path);
    *out = lock ? new lock_holder{std::move(*lock)} : nullptr;
    return to_status(lock);
  }

  leveldb::Status UnlockFile(leveldb::FileLock* lock) override {
    delete lock;
    return leveldb::Status::OK();
  }

  leveldb::Status NewLogger(const std::string&,
                            leveldb::Logger** out) override {
    *out = new silent_logger;
    return leveldb::Status::OK();
  }

private:
  std::shared_ptr<file_system> files_;
  std::shared_ptr<table_guard> guard_;
  std::shared_ptr<unsynced_directory> renamed_;
};

} // namespace

std::unique_ptr<leveldb::Env>
make_leveldb_env(std::shared_ptr<file_system> files,
                 std::shared_ptr<table_guard> guard) {
  return std::make_unique<file_system_env>(std::move(files), std::move(guard));
}

} // namespace cloister::persistence
