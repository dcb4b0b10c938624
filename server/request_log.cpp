// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/request_log.hpp"

#include <boost/json.hpp>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "core/clock.hpp"
#include "core/json_text.hpp"
#include "core/rfc3339.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr unsigned our_fault = 500;

spdlog::level::level_enum level_of(unsigned status) {
  return status >= our_fault ? spdlog::level::warn : spdlog::level::info;
}

} // namespace

request_log::request_log(const log_options& options) : names_(options.names) {
  spdlog::sink_ptr sink;
  if (options.file.empty())
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  else
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
  out_ = std::make_shared<spdlog::logger>("requests", std::move(sink));
  out_->set_pattern("%v");
  out_->set_level(spdlog::level::from_str(options.level));
  out_->flush_on(spdlog::level::info);
}

bool request_log::wants(unsigned status) const {
  return out_->should_log(level_of(status));
}

void request_log::request(const request_line& line) {
  json::object out{{"time", to_rfc3339(system_clock()->now())},
                   {"level", line.status >= our_fault ? "warn" : "info"},
                   {"request_id", line.request_id},
                   {"method", line.method},
                   {"route", line.route},
                   {"operation", line.operation},
                   {"principal", line.key_id},
                   {"scope", line.scope},
                   {"status", line.status},
                   {"outcome", line.outcome},
                   {"microseconds", line.took.count()},
                   {"peer", line.peer}};
  out_->log(level_of(line.status), to_json_text(out));
}

void request_log::event(std::string_view name, std::string_view detail) {
  out_->log(spdlog::level::warn, to_json_text(json::object{
                                   {"time", to_rfc3339(system_clock()->now())},
                                   {"level", "notice"},
                                   {"event", name},
                                   {"detail", detail}}));
}

} // namespace cloister::server
