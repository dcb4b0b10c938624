// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/backup_file.hpp"

#include "core/encoding.hpp"

namespace cloister::persistence {

namespace {

constexpr std::string_view magic = "cloister backup 1\n";
constexpr std::size_t head_bytes = magic.size() + 1 + 16 + 16 + 8 + 4;
/// A frame is written once it has so many bytes.
constexpr std::size_t frame_bytes = 1024 * 1024;
/// A frame that is read has no more: the largest record fits.
constexpr std::size_t frame_bytes_max = 64 * 1024 * 1024;

bytes encode(const backup_head& head) {
  bytes out{magic};
  byte_writer writer{out};
  writer.u8(static_cast<std::uint8_t>(head.kind));
  writer.raw(head.backup);
  writer.raw(head.store);
  writer.i64(head.made_at.milliseconds);
  writer.u32(head.master_version);
  return out;
}

result<backup_head> decode(bytes_view data, const std::string& path) {
  error none{errc::invalid_argument,
             path + " is not a file that `cloister backup` has written"};
  if (data.size() != head_bytes || !data.starts_with(magic))
    return none;
  byte_reader reader{data.substr(magic.size())};
  backup_head out;
  auto kind = reader.u8();
  out.kind = static_cast<backup_kind>(kind);
  out.backup = reader.array<16>();
  out.store = reader.array<16>();
  out.made_at = timestamp{reader.i64()};
  out.master_version = reader.u32();
  if (out.kind != backup_kind::records && out.kind != backup_kind::keys)
    return none;
  return out;
}

error cut_off() {
  return {errc::corrupted, "the file is cut off"};
}

} // namespace

result<backup_writer>
backup_writer::create(std::shared_ptr<file_system> files,
                      const std::string& path, const backup_head& head,
                      const crypto::public_key& recovery) {
  auto context = encode(head);
  backup_writer made{files, path, crypto::stream_sealer{recovery, context}};
  auto file = files->create(made.partial());
  if (file.has_error())
    return file.error();
  made.file_ = std::move(*file);
  auto done = made.file_->append(context + made.sealer_.head());
  if (done.has_error()) {
    made.give_up();
    return done.error();
  }
  return made;
}

result<void> backup_writer::add(bytes_view item) {
  frame_.append(item);
  ++items_;
  return frame_.size() >= frame_bytes ? write_frame(false) : result<void>{};
}

result<void> backup_writer::write_frame(bool last) {
  auto sealed = sealer_.seal(frame_, last);
  frame_.clear();
  bytes length;
  byte_writer{length}.u32(static_cast<std::uint32_t>(sealed.size()));
  written_ += sealed.size();
  if (auto done = file_->append(length); done.has_error())
    return done;
  return file_->append(sealed);
}

result<void> backup_writer::finish() {
  if (!frame_.empty())
    if (auto done = write_frame(false); done.has_error())
      return done;
  byte_writer{frame_}.u64(items_);
  if (auto done = write_frame(true); done.has_error())
    return done;
  if (auto done = file_->sync(); done.has_error())
    return done;
  if (auto done = file_->close(); done.has_error())
    return done;
  if (auto done = files_->rename(partial(), path_); done.has_error())
    return done;
  return files_->sync_directory(directory_of(path_));
}

void backup_writer::give_up() {
  file_.reset();
  for (const auto& each : {partial(), path_})
    if (files_->exists(each))
      static_cast<void>(files_->remove(each));
}

result<backup_head> read_backup_head(file_system& files,
                                     const std::string& path) {
  auto file = files.open_random(path, open_mode::read_only);
  if (file.has_error())
    return file.error();
  char scratch[head_bytes];
  auto got = (*file)->read(0, head_bytes, scratch);
  if (got.has_error())
    return got.error();
  return decode(*got, path);
}

result<backup_reader>
backup_reader::open(const std::shared_ptr<file_system>& files,
                    const std::string& path,
                    const crypto::secret_key& recovery) {
  auto head = read_backup_head(*files, path);
  if (head.has_error() && head.error().code == errc::not_found)
    return error{errc::not_found, "there is no file " + path};
  if (head.has_error())
    return head.error();
  auto file = files->open_random(path, open_mode::read_only);
  auto size = file ? (*file)->size() : file.error();
  if (size.has_error())
    return size.error();
  bytes scratch(crypto::stream_head_bytes, '\0');
  auto sealed_head = (*file)->read(head_bytes, scratch.size(), scratch.data());
  if (sealed_head.has_error())
    return sealed_head.error();
  auto opener
    = crypto::stream_opener::begin(recovery, encode(*head), *sealed_head);
  if (opener.has_error())
    return opener.error();
  backup_reader made{std::move(*file), *head, std::move(*opener)};
  made.at_ = head_bytes + crypto::stream_head_bytes;
  made.size_ = *size;
  return made;
}

result<bytes> backup_reader::read(std::size_t size) {
  if (size > size_ - at_)
    return cut_off();
  bytes out(size, '\0');
  auto got = file_->read(at_, size, out.data());
  if (got.has_error())
    return got.error();
  if (got->size() != size)
    return cut_off();
  if (got->data() != out.data())
    out.assign(*got);
  at_ += size;
  return out;
}

result<std::optional<bytes>> backup_reader::next() {
  if (ended_)
    return std::optional<bytes>{};
  auto length = read(4);
  if (length.has_error())
    return length.error();
  auto size = byte_reader{*length}.u32();
  if (size > frame_bytes_max)
    return error{errc::corrupted, "the file is damaged"};
  auto sealed = read(size);
  if (sealed.has_error())
    return sealed.error();
  auto frame = opener_.open(*sealed);
  if (frame.has_error())
    return frame.error();
  if (!frame->last)
    return std::optional{std::move(frame->plain)};
  ended_ = true;
  byte_reader reader{frame->plain};
  items_ = reader.u64();
  if (!reader.complete() || at_ != size_)
    return error{errc::corrupted, "the file is damaged at its end"};
  return std::optional<bytes>{};
}

} // namespace cloister::persistence
