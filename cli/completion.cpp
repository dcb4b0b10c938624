// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/completion.hpp"

#include <algorithm>
#include <iostream>
#include <map>

#include <CLI/CLI.hpp>

#include "core/language.hpp"

namespace cloister::cli {

namespace {

// The scripts only ask: what there is, the program knows best.

constexpr std::string_view bash_script = R"sh(_cloister() {
  local IFS=$'\n' word="${COMP_WORDS[COMP_CWORD]}"
  [[ "$word" == = ]] && word=
  COMPREPLY=($(compgen -W "$(cloister __complete \
    "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)" -- "$word"))
}
complete -o default -F _cloister cloister
)sh";

constexpr std::string_view zsh_script = R"sh(#compdef cloister
_cloister() {
  local -a found
  local line
  for line in ${(f)"$(cloister __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"}
  do
    found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  if (( ${#found} )); then
    _describe 'cloister' found
  else
    _files
  fi
}
compdef _cloister cloister
)sh";

constexpr std::string_view fish_script = R"sh(function __cloister_complete
  set -l words (commandline -opc)
  cloister __complete $words[2..] (commandline -ct) 2>/dev/null
end
function __cloister_wants_file
  test -z "$(__cloister_complete)"
end
complete -c cloister -n 'not __cloister_wants_file' -f -a '(__cloister_complete)'
complete -c cloister -n __cloister_wants_file -F
)sh";

/// An option's first sentence.
std::string summary_of(const std::string& description) {
  auto line = description.substr(0, description.find('\n'));
  return line.substr(0, line.find(';'));
}

class completer {
public:
  explicit completer(const CLI::App& app) : path_{&app} {}

  void complete(const std::vector<std::string>& words) {
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
      read(words[i]);
    word_ = words.empty() ? std::string{} : words.back();
    if (awaiting_ != nullptr) {
      // Where a shell takes "--option=value" apart.
      if (word_ == "=")
        word_.clear();
      offer_values(*awaiting_);
      return;
    }
    if (auto equals = word_.find('=');
        word_.starts_with("--") && equals != std::string::npos) {
      before_ = word_.substr(0, equals + 1);
      word_.erase(0, equals + 1);
      if (auto option = find_option(before_); option != nullptr)
        offer_values(*option);
      return;
    }
    if (word_.starts_with("-")) {
      offer_options();
      return;
    }
    for (auto command : path_.back()->get_subcommands({}))
      offer(command->get_name(), summary_of(command->get_description()));
  }

private:
  /// A word before the one that is typed.
  void read(const std::string& word) {
    if (awaiting_ != nullptr && word == "=")
      return;
    if (std::exchange(awaiting_, nullptr) != nullptr)
      return;
    if (word.starts_with("-")) {
      auto option = find_option(word);
      if (option != nullptr && option->get_items_expected_max() > 0
          && word.find('=') == std::string::npos)
        awaiting_ = option;
      return;
    }
    for (auto command : path_.back()->get_subcommands({}))
      if (command->get_name() == word) {
        path_.push_back(command);
        return;
      }
  }

  const CLI::Option* find_option(const std::string& word) const {
    auto name = word.substr(0, word.find('='));
    for (auto app : path_)
      for (auto option : app->get_options())
        if (option->check_name(name))
          return option;
    return nullptr;
  }

  /// Those of the command and of all above it, each once.
  void offer_options() {
    std::map<std::string, std::string> known;
    for (auto app : path_)
      for (auto option : app->get_options())
        if (!option->get_lnames().empty() && !option->get_group().empty())
          known["--" + option->get_lnames().front()]
            = summary_of(option->get_description());
    for (const auto& [name, meaning] : known)
      offer(name, meaning);
  }

  void offer_values(const CLI::Option& option) {
    auto name = option.get_lnames().empty() ? std::string{}
                                            : option.get_lnames().front();
    if (name == "visibility")
      for (std::string_view value : {"self", "inherited", "subtree"})
        if (value != "inherited" || path_.back()->get_name() != "export")
          offer(std::string{value}, "");
    if (name == "permissions")
      for (const auto* value :
           {"read", "write", "delete", "share", "audit", "admin", "all"})
        offer(value, "");
    if (name == "language")
      for (auto value : language_names)
        offer(std::string{value}, "");
  }

  void offer(const std::string& word, const std::string& meaning) const {
    if (word.starts_with(word_))
      std::cout << before_ << word << '\t' << meaning << '\n';
  }

  std::vector<const CLI::App*> path_;
  const CLI::Option* awaiting_ = nullptr;
  std::string word_;
  /// "--option=", where the value follows in the same word.
  std::string before_;
};

} // namespace

void print_completions(const CLI::App& app,
                       const std::vector<std::string>& words) {
  completer{app}.complete(words);
}

void add_completion_command(CLI::App& app, context& shared) {
  auto command = app.add_subcommand("completion",
                                    "Print a script that completes commands in "
                                    "a shell");
  command->require_subcommand(1);
  command->footer(
    "Examples:\n  source <(cloister completion bash)        # in ~/.bashrc\n"
    "  source <(cloister completion zsh)         # in ~/.zshrc, after "
    "compinit\n"
    "  cloister completion fish > ~/.config/fish/completions/cloister.fish");
  for (auto [shell, script] : {std::pair{"bash", bash_script},
                               {"zsh", zsh_script},
                               {"fish", fish_script}})
    command->add_subcommand(shell, std::string{"For "} + shell)
      ->callback([&shared, text = script] {
        shared.run = [text](context&) {
          std::cout << text;
          return exit_code::done;
        };
      });
}

} // namespace cloister::cli
