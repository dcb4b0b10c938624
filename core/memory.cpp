// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/memory.hpp"

#include <cmath>

#include "core/json_text.hpp"
#include "core/limits.hpp"
#include "core/utf8.hpp"

namespace cloister {

namespace {

error invalid(std::string detail) {
  return {errc::invalid_argument, std::move(detail)};
}

result<void> check_content(std::string_view content) {
  if (content.empty())
    return invalid("content is empty; give at least one character");
  if (content.size() > limits::content_bytes_max)
    return error{errc::too_large, "content exceeds 64 KiB; split it"};
  if (!is_utf8(content))
    return invalid("content is not valid UTF-8");
  return {};
}

result<std::string> checked_metadata(std::string_view metadata) {
  if (metadata.size() > limits::metadata_bytes_max)
    return error{errc::too_large,
                 "metadata exceeds 16 KiB; keep what is large in "
                 "the content"};
  if (!is_utf8(metadata))
    return invalid("metadata is not valid UTF-8");
  auto object = canonical_json_object(metadata);
  if (object.has_error())
    return invalid("metadata: " + object.error().detail);
  // Escapes can grow: "\u0001" may have been shorter in another form.
  if (object->size() > limits::metadata_bytes_max)
    return error{errc::too_large,
                 "metadata exceeds 16 KiB; keep what is large in "
                 "the content"};
  return object;
}

result<void> check_key(std::string_view key) {
  if (key.empty() || key.size() > limits::memory_key_bytes_max || !is_utf8(key))
    return invalid("key must be 1 to 256 bytes of UTF-8");
  return {};
}

result<void> check_embedding(const std::vector<float>& embedding) {
  if (embedding.size() > limits::embedding_dimensions_max)
    return error{errc::too_large,
                 "embedding exceeds 4096 dimensions; use a smaller "
                 "model"};
  for (auto value : embedding)
    if (!std::isfinite(value))
      return invalid("embedding contains a value that is not finite");
  return {};
}

} // namespace

result<void> validate_type(std::string_view type) {
  auto bad = type.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-");
  if (type.empty() || type.size() > limits::type_bytes_max
      || bad != std::string_view::npos)
    return invalid("memory_type must be 1 to 64 of a-z 0-9 _ -");
  return {};
}

result<memory_draft> validated(memory_draft draft) {
  if (auto ok = check_content(draft.content); ok.has_error())
    return ok.error();
  if (auto ok = validate_type(draft.memory_type); ok.has_error())
    return ok.error();
  if (draft.key)
    if (auto ok = check_key(*draft.key); ok.has_error())
      return ok.error();
  if (draft.idempotency_key
      && (draft.idempotency_key->empty()
          || draft.idempotency_key->size() > limits::idempotency_key_bytes_max))
    return invalid("an idempotency key must have 1 to 256 bytes");
  if (auto ok = check_embedding(draft.embedding); ok.has_error())
    return ok.error();
  auto metadata = checked_metadata(draft.metadata);
  if (metadata.has_error())
    return metadata.error();
  draft.metadata = std::move(*metadata);
  return draft;
}

result<memory_patch> validated(memory_patch patch) {
  if (patch.content)
    if (auto ok = check_content(*patch.content); ok.has_error())
      return ok.error();
  if (patch.memory_type)
    if (auto ok = validate_type(*patch.memory_type); ok.has_error())
      return ok.error();
  if (patch.embedding)
    if (auto ok = check_embedding(*patch.embedding); ok.has_error())
      return ok.error();
  if (patch.metadata) {
    auto metadata = checked_metadata(*patch.metadata);
    if (metadata.has_error())
      return metadata.error();
    // The canonical form keeps nulls, which RFC 7396 needs.
    patch.metadata = std::move(*metadata);
  }
  return patch;
}

} // namespace cloister
