// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// A swarm of agents, written as CAF actors, that plan a product launch
// together.
//
// Three specialists each work through their own notes. What an agent notes down
// on the way is private to it; what it concludes, it shares with the team. An
// editor then writes the plan from the team's memories. One specialist crashes
// halfway: its successor reads the private notes and goes on where it stopped.
//
//   swarm DATA_DIR MASTER_KEY_FILE

#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <caf/all.hpp>
#include <cloister/caf.hpp>
#include <cloister/runtime.hpp>

namespace {

using cloister::permissions;

constexpr std::chrono::seconds patience{10};

/// What a specialist is given to work through.
struct assignment {
  std::string agent;
  /// Each is read, noted down, and has a conclusion.
  std::vector<std::pair<std::string, std::string>> material;
  /// After this many notes it crashes, once; 0 for never.
  std::size_t crashes_after = 0;
};

/// A specialist works by itself and ends when it is done.
struct begin_work {};
/// To itself: the next piece of material.
struct next_piece {};

using specialist_actor
  = caf::typed_actor<caf::reacts_to<begin_work>, caf::reacts_to<next_piece>>;

} // namespace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(begin_work)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(next_piece)

namespace {

struct specialist_state {
  static inline const char* name = "specialist";

  assignment task;
  /// Its own notes, and the copies it hands to the team.
  cloister::client_actor notes;
  std::size_t at = 0;
};

using specialist_self = specialist_actor::stateful_pointer<specialist_state>;

/// Whatever goes wrong ends the agent; whoever watches it starts another.
auto giving_up(specialist_self self) {
  return [self](const caf::error& why) {
    std::cout << self->state.task.agent
              << " gives up: " << cloister::to_error(why).detail << '\n';
    self->quit(why);
  };
}

void noted(specialist_self self) {
  auto& state = self->state;
  ++state.at;
  if (state.at == state.task.crashes_after) {
    std::cout << state.task.agent << " crashes after " << state.at
              << " notes\n";
    throw std::runtime_error{"something unforeseen"};
  }
  self->send(self, next_piece{});
}

/// A conclusion is written down privately, then shared with the team.
void conclude(specialist_self self, const std::string& conclusion) {
  cloister::create_memory what{
    {.content = conclusion,
     .memory_type = "conclusion",
     .key = "conclusion-" + std::to_string(self->state.at)}};
  self->request(self->state.notes, patience, std::move(what))
    .then(
      [self](const cloister::memory& made) {
        self
          ->request(self->state.notes, patience,
                    cloister::share_memory{made.id, "team_launch"})
          .then([self](const cloister::located_memory&) { noted(self); },
                giving_up(self));
      },
      giving_up(self));
}

void work_on_next(specialist_self self) {
  auto& state = self->state;
  if (state.at == state.task.material.size()) {
    std::cout << state.task.agent << " is done\n";
    self->quit();
    return;
  }
  const auto& [reading, conclusion] = state.task.material[state.at];
  cloister::create_memory note{{.content = reading,
                                .memory_type = "note",
                                .key = "note-" + std::to_string(state.at)}};
  self->request(state.notes, patience, std::move(note))
    .then([self, conclusion = conclusion](
            const cloister::memory&) { conclude(self, conclusion); },
          giving_up(self));
}

/// What it shared before counts: itself, or one that crashed. What was only
/// noted down is noted again, under the same key.
void look_back(specialist_self self) {
  cloister::list_memory shared{
    {.memory_type = "conclusion",
     .filter = R"({"author": ")" + self->state.task.agent + R"("})",
     .limit = 1000,
     .reach = cloister::visibility::inherited}};
  self->request(self->state.notes, patience, std::move(shared))
    .then(
      [self](const cloister::memory_list& found) {
        for (const auto& each : found.results)
          if (each.where.name() == "team_launch")
            ++self->state.at;
        if (self->state.at > 0)
          std::cout << self->state.task.agent << " is back, and remembers "
                    << self->state.at << " conclusions\n";
        // It will not crash at the same place again.
        if (self->state.at >= self->state.task.crashes_after)
          self->state.task.crashes_after = 0;
        self->send(self, next_piece{});
      },
      giving_up(self));
}

specialist_actor::behavior_type specialist(specialist_self self,
                                           const assignment& task,
                                           const cloister::client& bound) {
  self->state.task = task;
  self->state.notes = cloister::spawn_client(self->system(), bound);
  return {
    [self](begin_work) { look_back(self); },
    [self](next_piece) { work_on_next(self); },
  };
}

/// Starts each specialist, and starts those again that crash.
class swarm {
public:
  swarm(caf::actor_system& system, const cloister::runtime& runtime,
        const cloister::organization& launch)
    : system_(system), runtime_(runtime), launch_(launch), self_(system) {}

  void run(const std::vector<assignment>& tasks) {
    for (const auto& task : tasks)
      start(task);
    while (!working_.empty()) {
      self_->receive([this](const caf::down_msg& down) { ended(down); });
    }
  }

private:
  void start(const assignment& task) {
    // Its own scope, and the right to write to its team's: nothing else.
    auto key = launch_.create_key({.root = "team_launch/" + task.agent,
                                   .permissions = permissions::read
                                                  | permissions::write
                                                  | permissions::share,
                                   .label = task.agent,
                                   .promote_to = "team_launch"});
    auto bound = runtime_.client(key.value()).value();
    auto worker = system_.spawn(specialist, task, bound);
    self_->monitor(worker);
    working_[worker.address()] = task;
    self_->send(worker, begin_work{});
  }

  void ended(const caf::down_msg& down) {
    auto task = working_.at(down.source);
    working_.erase(down.source);
    if (down.reason)
      start(task);
  }

  caf::actor_system& system_;
  const cloister::runtime& runtime_;
  const cloister::organization& launch_;
  caf::scoped_actor self_;
  std::map<caf::actor_addr, assignment> working_;
};

const std::vector<assignment> tasks{
  {"agent_research",
   {{"Read 40 interviews: people lose an hour a day looking for notes",
     "Customers pay for search that works at once"},
    {"Read the forum: two competitors lost data last month",
     "Customers ask first whether their data is safe"},
    {"Read the survey: most teams have fewer than ten people",
     "The plan must fit teams of up to ten people"}},
   2},
  {"agent_pricing",
   {{"Compared five price lists, from 8 to 25 a month",
     "A price of 12 a month is in the middle of the market"},
    {"Modelled churn at three prices",
     "A yearly plan at 120 halves the churn"}}},
  {"agent_legal",
   {{"Read the data protection rules of the first three markets",
     "Erasure within a month must be in the contract"}}},
};

/// The editor asks the team's memories, as any member could.
void write_plan(const cloister::organization& launch) {
  auto team = launch.client("team_launch").value();
  std::cout << "\nThe plan, from what the team remembers:\n";
  for (const auto* question :
       {"what do customers want and ask", "which price and plan",
        "what must be in the contract"}) {
    std::cout << "  " << question << "?\n";
    for (const auto& hit :
         team.search_memories({.query = question, .limit = 2}).value().results)
      std::cout << "    - " << hit.memory.content << " (" << hit.memory.author
                << ")\n";
  }
}

/// What is private stays private.
void show_walls(const cloister::organization& launch) {
  std::cout << "\nWho remembers what:\n";
  for (const auto& scope : launch.client().value().list_scopes().value().scopes)
    std::cout << "  " << scope.name.path() << ": " << scope.memories
              << " memories\n";
  auto team = launch.client("team_launch").value();
  auto notes = team.search_memories({.query = "interviews forum survey"});
  std::cout << "The team finds " << notes.value().results.size()
            << " of the researcher's private notes.\n";
  auto chain = launch.client().value().verify_audit().value();
  std::cout << "The audit trail has " << chain.entries << " entries, "
            << (chain.intact ? "intact" : "broken") << ".\n";
}

int run(const std::string& data, const std::string& master_key) {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system system{config};
  auto runtime
    = cloister::runtime::open(
        {.data_dir = data, .master_key_file = master_key, .system = &system})
        .value();
  auto launch = runtime.organization("org_acme").value();
  {
    swarm agents{system, runtime, launch};
    agents.run(tasks);
  }
  write_plan(launch);
  show_walls(launch);
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: swarm DATA_DIR MASTER_KEY_FILE\n";
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
  }
}
