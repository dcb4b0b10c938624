// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/context.hpp"
#include "cli/receipt.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

constexpr std::size_t file_bytes_max = 64 * 1024;

result<std::string> read_text(const std::string& path) {
  std::ifstream file{path};
  auto& in = path == "-" ? std::cin : file;
  std::string text(file_bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.empty() || text.size() > file_bytes_max)
    return error{errc::not_found, path
                                    + " cannot be read, is empty, or is too "
                                      "large to be one"};
  return text;
}

result<std::uint64_t> number_of(const json::value& from) {
  boost::system::error_code failed;
  auto number = from.to_number<std::uint64_t>(failed);
  if (failed)
    return error{errc::invalid_argument, "not a number"};
  return number;
}

error malformed_receipt() {
  return {errc::invalid_argument,
          "this is not a receipt as `cloister scope erase --json` prints it"};
}

/// Nothing where that was not looked at; absent in the first version.
bool read_copies(const json::object& from, const char* name,
                 std::optional<std::uint64_t>& to) {
  auto found = from.if_contains(name);
  if (found == nullptr || found->is_null())
    return true;
  auto number = number_of(*found);
  if (number)
    to = *number;
  return number.has_value();
}

/// What the second version has more than the first, whose documents say
/// nothing of a version.
bool read_second_version(const json::object& from, erasure_receipt& out) {
  auto version = from.if_contains("version");
  if (version == nullptr) {
    out.version = 1;
    return true;
  }
  auto number = number_of(*version);
  auto reason = from.if_contains("reason");
  if (number.has_error() || *number != 2 || reason == nullptr)
    return false;
  if (reason->is_string())
    out.reason = reason->as_string();
  return (reason->is_string() || reason->is_null())
         && read_copies(from, "copies", out.copies)
         && read_copies(from, "copies_erased", out.copies_erased);
}

/// A receipt as `scope erase --json` printed it.
result<erasure_receipt> parse_receipt(const json::value& document) {
  auto malformed = malformed_receipt();
  auto object = document.if_object();
  if (object == nullptr)
    return malformed;
  erasure_receipt out;
  if (!read_second_version(*object, out))
    return malformed;
  std::string erased_at;
  for (auto [name, to] :
       std::initializer_list<std::pair<const char*, std::string*>>{
         {"scope", &out.scope},
         {"tag", &out.tag},
         {"erased_at", &erased_at},
         {"principal", &out.principal},
         {"audit_chain", &out.audit_chain},
         {"audit_head", &out.audit_head},
         {"public_key", &out.public_key},
         {"signature", &out.signature}}) {
    auto found = object->if_contains(name);
    if (found == nullptr || !found->is_string())
      return malformed;
    *to = found->as_string();
  }
  if (auto key = object->if_contains("key_id"); key && key->is_string())
    out.key_id = key->as_string();
  for (auto [name, to] :
       std::initializer_list<std::pair<const char*, std::uint64_t*>>{
         {"scopes", &out.scopes},
         {"memories", &out.memories},
         {"unreadable", &out.unreadable},
         {"audit_index", &out.audit_index}}) {
    auto found = object->if_contains(name);
    auto number = found ? number_of(*found) : malformed;
    if (number.has_error())
      return malformed;
    *to = *number;
  }
  auto incarnation = object->if_contains("incarnation");
  auto number = incarnation ? number_of(*incarnation) : malformed;
  auto at = parse_rfc3339(erased_at);
  if (number.has_error() || *number > UINT32_MAX || at.has_error())
    return malformed;
  out.incarnation = static_cast<std::uint32_t>(*number);
  out.erased_at = *at;
  return out;
}

/// All of a document: one, or those of `scope erase --everywhere`.
result<std::vector<erasure_receipt>> parse_receipts(const std::string& text) {
  boost::system::error_code failed;
  auto document = json::parse(text, failed);
  if (failed)
    return malformed_receipt();
  auto object = document.if_object();
  auto several = object ? object->if_contains("results") : nullptr;
  auto list = several && several->is_array() ? several->as_array()
                                             : json::array{document};
  std::vector<erasure_receipt> out;
  for (const auto& each : list) {
    auto receipt = parse_receipt(each);
    if (receipt.has_error())
      return receipt.error();
    out.push_back(std::move(*receipt));
  }
  if (out.empty())
    return malformed_receipt();
  return out;
}

/// The key to check with: from a file, or the store's.
result<std::string> key_to_check_with(const context& shared,
                                      const std::string& file) {
  if (file.empty()) {
    auto opened = shared.open_runtime();
    if (opened.has_error())
      return opened.error();
    return opened->receipt_key();
  }
  return read_public_key(file);
}

bool is_session(const erasure_receipt& receipt) {
  auto name = scope::parse(receipt.scope);
  return name && name->kind() == scope_kind::session;
}

std::string left_in_words(const erasure_receipt& receipt) {
  if (receipt.copies.value_or(0) == 0)
    return {};
  return " " + counted(*receipt.copies, "copy", "copies")
         + " of its memories stayed in other scopes.";
}

json::object genuine_document(const std::vector<erasure_receipt>& receipts) {
  if (receipts.size() == 1)
    return {{"genuine", true}, {"scope", receipts.front().scope}};
  json::array scopes;
  for (const auto& each : receipts)
    scopes.push_back(json::string{each.scope});
  return {{"genuine", true}, {"scopes", std::move(scopes)}};
}

exit_code run_verify(context& shared, const std::string& path,
                     const std::string& key_file) {
  auto text = read_text(path);
  if (text.has_error())
    return fail(text.error());
  auto receipts = parse_receipts(*text);
  if (receipts.has_error())
    return fail(receipts.error());
  auto key = key_to_check_with(shared, key_file);
  if (key.has_error())
    return fail(key.error());
  for (const auto& receipt : *receipts)
    if (auto genuine = verify_receipt(receipt, *key); genuine.has_error())
      return fail(
        {genuine.error().code, receipt.scope + ": " + genuine.error().detail});
  if (shared.style.json)
    print_json(genuine_document(*receipts));
  else if (!shared.style.quiet)
    for (const auto& receipt : *receipts)
      std::cout << "Genuine: " << receipt.scope
                << (is_session(receipt) ? " ended at " : " was erased at ")
                << to_rfc3339(receipt.erased_at) << " by " << receipt.principal
                << "." << left_in_words(receipt) << '\n';
  return exit_code::done;
}

exit_code run_key(context& shared) {
  auto opened = shared.open_runtime();
  if (opened.has_error())
    return fail(opened.error());
  if (shared.style.json)
    print_json(json::object{{"public_key", opened->receipt_key()}});
  else
    std::cout << opened->receipt_key() << '\n';
  return exit_code::done;
}

} // namespace

result<std::string> read_public_key(const std::string& path) {
  auto text = read_text(path);
  if (text)
    text->erase(text->find_last_not_of(" \r\n\t") + 1);
  return text;
}

namespace {

/// What became of copies, where there is something to be said.
std::string told_of_copies(const erasure_receipt& receipt) {
  std::string out;
  if (!receipt.copies && scope::parse(receipt.scope)->parent())
    out += "Whether copies of its memories are elsewhere is not known: not all "
           "scopes could be looked through.\n";
  if (auto erased = receipt.copies_erased.value_or(0); erased > 0)
    out += counted(erased, "copy", "copies")
           + " of its memories in other scopes went with it.\n";
  if (auto left = receipt.copies.value_or(0); left > 0)
    out += counted(left, "copy", "copies") + " of its memories "
           + (left == 1 ? "stays where it was" : "stay where they were")
           + " shared to"
           + (receipt.copies_erased
                ? ": the key may not delete there.\n"
                : ", and cannot be found from here any more; "
                  "--with-shared-copies would have gone after that first.\n")
           + "The audit trails of the scopes that were looked through have "
             "memory.count-copies.\n";
  return out;
}

} // namespace

exit_code show_receipt(const context& shared, const erasure_receipt& receipt,
                       receipt_time when) {
  if (shared.style.json) {
    print_json(to_json(receipt));
  } else if (!shared.style.quiet) {
    auto memories = counted(receipt.memories, "memory", "memories");
    if (is_session(receipt))
      std::cout << receipt.scope << " has ended, and with it " << memories
                << ".\n";
    else
      std::cout << receipt.scope
                << " was erased: " << counted(receipt.scopes, "scope", "scopes")
                << ", " << memories
                << (when == receipt_time::now
                      ? ". Its name is refused from now on.\n"
                      : ", at " + to_rfc3339(receipt.erased_at) + ".\n")
                << told_of_copies(receipt);
    std::cout << "With --json a signed receipt is printed instead, for "
                 "`cloister receipt verify`.\n";
  }
  return exit_code::done;
}

void add_receipt_commands(CLI::App& app, context& shared) {
  auto group = app.add_subcommand("receipt", "Receipts of what was erased");
  group->require_subcommand(1);
  auto verify
    = group->add_subcommand("verify", "Check the signatures of receipts");
  verify->footer(
    "Needs no store where the public key is given.\nExamples:\n"
    "  cloister scope erase user_sarah --yes --json > sarah.receipt\n"
    "  cloister receipt verify sarah.receipt\n"
    "  cloister receipt key > store.pub\n"
    "  cloister receipt verify sarah.receipt --public-key store.pub");
  auto path = std::make_shared<std::string>();
  auto key = std::make_shared<std::string>();
  verify->add_option("file", *path, "- for standard input")->required();
  verify->add_option("--public-key", *key,
                     "A file with the key; the store's own if absent");
  verify->callback([&shared, path, key] {
    shared.run = [path, key](context& c) { return run_verify(c, *path, *key); };
  });
  group->add_subcommand("key", "Print the store's public key")
    ->callback([&shared] { shared.run = run_key; });
}

} // namespace cloister::cli
