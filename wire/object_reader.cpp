// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "wire/object_reader.hpp"

#include <algorithm>
#include <cmath>
#include <new>

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "core/limits.hpp"
#include "core/rfc3339.hpp"

namespace cloister::wire {

namespace json = boost::json;

namespace {

/// Metadata, below the members of a memory of a batch.
constexpr std::size_t depth_max = limits::metadata_depth_max + 4;
/// Of what is parsed: a list of zeros takes twelve times its text.
constexpr std::size_t memory_bytes_min = 256 * 1024;
constexpr std::size_t memory_factor_max = 8;

/// Gives out so many bytes and no more.
class bounded_memory final : public json::memory_resource {
public:
  explicit bounded_memory(std::size_t max) : left_(max) {}

private:
  // Aligned as all that is new: Boost 1.81 gives back some under another
  // alignment than it asked for.
  void* do_allocate(std::size_t bytes, std::size_t) override {
    if (bytes > left_)
      throw std::bad_alloc{};
    left_ -= bytes;
    return ::operator new(bytes);
  }
  void do_deallocate(void* at, std::size_t bytes, std::size_t) override {
    left_ += bytes;
    ::operator delete(at);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override {
    return this == &other;
  }

  std::size_t left_;
};

/// Of a name that is not known.
constexpr std::size_t shown_name_max = 64;

} // namespace

result<json::value> parse_json(std::string_view text) try {
  json::parse_options options;
  options.max_depth = depth_max;
  boost::system::error_code code;
  auto memory = json::make_shared_resource<bounded_memory>(
    memory_bytes_min + memory_factor_max * text.size());
  auto out = json::parse(text, code, memory, options);
  if (code == json::error::too_deep)
    return error{errc::invalid_argument, "the JSON nests too deep"};
  if (code)
    return error{errc::invalid_argument,
                 "the body is no JSON document; send one object, in UTF-8"};
  return out;
} catch (const std::bad_alloc&) {
  return error{errc::too_large,
               "the JSON has too many small parts for its length"};
}

const json::value* object_reader::any(std::string_view name) {
  known_.push_back(name);
  return from_.if_contains(name);
}

const json::value* object_reader::find(std::string_view name) {
  auto found = any(name);
  return found != nullptr && found->is_null() ? nullptr : found;
}

void object_reader::fail(error why) {
  if (!failure_)
    failure_ = std::move(why);
}

void object_reader::miss(std::string_view name, std::string_view hint) {
  if (missing_)
    return;
  missing_
    = error{errc::invalid_argument, '"' + std::string{name} + "\" is missing"};
  if (!hint.empty())
    missing_->detail += "; " + std::string{hint};
}

void object_reader::wrong_type(std::string_view name, std::string_view wanted) {
  fail({errc::invalid_argument,
        "\"" + std::string{name} + "\" is " + std::string{wanted}});
}

std::optional<std::string> object_reader::text(std::string_view name) {
  auto found = find(name);
  if (found == nullptr)
    return std::nullopt;
  if (auto value = found->if_string())
    return std::string{*value};
  wrong_type(name, "a text");
  return std::nullopt;
}

std::optional<std::uint64_t> object_reader::number(std::string_view name) {
  auto found = find(name);
  if (found == nullptr)
    return std::nullopt;
  boost::system::error_code code;
  auto value = found->to_number<std::uint64_t>(code);
  if (found->is_number() && !code)
    return value;
  wrong_type(name, "a whole number that is not negative");
  return std::nullopt;
}

std::optional<double> object_reader::real(std::string_view name) {
  auto found = find(name);
  if (found == nullptr)
    return std::nullopt;
  if (found->is_number())
    return found->to_number<double>();
  wrong_type(name, "a number");
  return std::nullopt;
}

std::optional<bool> object_reader::flag(std::string_view name) {
  auto found = find(name);
  if (found == nullptr)
    return std::nullopt;
  if (auto value = found->if_bool())
    return *value;
  wrong_type(name, "true or false");
  return std::nullopt;
}

std::optional<timestamp> object_reader::time(std::string_view name) {
  auto given = text(name);
  if (!given)
    return std::nullopt;
  auto parsed = parse_rfc3339(*given);
  if (parsed)
    return *parsed;
  wrong_type(name, "a time like 2026-01-31T12:00:00Z");
  return std::nullopt;
}

std::optional<std::vector<std::string>>
object_reader::texts(std::string_view name) {
  auto found = find(name);
  if (found == nullptr)
    return std::nullopt;
  std::vector<std::string> out;
  auto list = found->if_array();
  if (list != nullptr)
    for (const auto& each : *list)
      if (auto value = each.if_string())
        out.emplace_back(*value);
  if (list != nullptr && out.size() == list->size())
    return out;
  wrong_type(name, "a list of texts");
  return std::nullopt;
}

std::optional<std::vector<float>> object_reader::reals(std::string_view name) {
  auto found = find(name);
  if (found == nullptr)
    return std::nullopt;
  std::vector<float> out;
  auto list = found->if_array();
  if (list != nullptr && list->size() <= limits::embedding_dimensions_max)
    for (const auto& each : *list)
      if (each.is_number())
        out.push_back(static_cast<float>(each.to_number<double>()));
  if (list != nullptr && out.size() == list->size())
    return out;
  wrong_type(name, "a list of at most "
                     + std::to_string(limits::embedding_dimensions_max)
                     + " numbers");
  return std::nullopt;
}

std::optional<std::string> object_reader::object(std::string_view name) {
  auto found = find(name);
  if (found == nullptr)
    return std::nullopt;
  if (found->is_object())
    return to_json_text(*found);
  wrong_type(name, "an object");
  return std::nullopt;
}

result<void> object_reader::finish() const {
  if (failure_)
    return *failure_;
  for (const auto& member : from_) {
    auto name = std::string_view{member.key()};
    if (std::find(known_.begin(), known_.end(), name) != known_.end())
      continue;
    std::string known;
    for (auto each : known_)
      known += (known.empty() ? "" : ", ") + std::string{each};
    return error{errc::invalid_argument,
                 "\"" + std::string{name.substr(0, shown_name_max)}
                   + "\" is not known here; known are " + known};
  }
  return missing_ ? result<void>{*missing_} : result<void>{};
}

} // namespace cloister::wire
