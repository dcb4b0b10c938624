// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string_view>

namespace cloister::cli {

/// An example for each command that is explained by one line; others bring
/// their own. Without the name of the program.
inline const std::map<std::string_view, std::string_view> examples{
  {"init", "init --data memory"},
  {"version", "version --json"},
  {"doctor", "doctor --data memory"},
  {"org", "org create org_acme"},
  {"org create", "org create org_acme --data memory"},
  {"org list", "org list --json"},
  {"key", "key create --scope user_sarah --permissions read,write"},
  {"key list", "key list --json"},
  {"key narrow",
   "key narrow --scope session_42 --permissions read --expires 10m"},
  {"key revoke", "key revoke KEY_ID"},
  {"memory", "memory create \"Prefers dark mode\" --user-id user_sarah"},
  {"memory get", "memory get ID --user-id user_sarah"},
  {"memory update",
   "memory update ID --content \"Prefers light mode\" --if-revision 1"},
  {"memory delete", "memory delete ID --user-id user_sarah"},
  {"memory delete-all",
   "memory delete-all --user-id user_sarah --confirm user_sarah"},
  {"memory history", "memory history ID --user-id user_sarah"},
  {"memory share", "memory share ID --user-id user_sarah --to team_eng"},
  {"memory promote",
   "memory promote ID --user-id agent_planner/session_42 --to team_eng"},
  {"session", "session start --resumable --idle 30m"},
  {"session list", "session list --json"},
  {"session renew", "session renew session_42 --user-id agent_planner"},
  {"session end", "session end session_42 --user-id agent_planner"},
  {"memory restore", "memory restore ID --revision 1"},
  {"scope", "scope list"},
  {"scope list", "scope list --json"},
  {"scope show", "scope show user_sarah"},
  {"scope reinstate", "scope reinstate user_sarah"},
  {"receipt", "receipt verify sarah.receipt"},
  {"receipt key", "receipt key > store.pub"},
  {"audit", "audit list --scope user_sarah"},
  {"audit verify", "audit verify --json"},
  {"audit checkpoint", "audit checkpoint > today.checkpoint"},
  {"audit export", "audit export trail.jsonl"},
  {"bench", "bench retrieval --data cranfield"},
  {"completion bash", "completion bash > /etc/bash_completion.d/cloister"},
  {"completion zsh", "completion zsh > \"${fpath[1]}/_cloister\""},
  {"completion fish",
   "completion fish > ~/.config/fish/completions/cloister.fish"},
};

} // namespace cloister::cli
