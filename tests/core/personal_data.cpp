// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/personal_data.hpp"

#include <catch2/catch.hpp>

using cloister::personal_data_in;

TEST_CASE("what looks like personal data is recognised", "[core]") {
  for (auto segment : {"user_sarah@example.com",
                       "user_a.b+tag@mail.example.co.uk",
                       "customer_sarah%40example.com",
                       "user_x-bob@example.org",
                       "user_+14155550123",
                       "user_+4917012345678",
                       "user_%2B4917012345678",
                       "user_+1-415-555-0123",
                       "user_tel:+49.170.1234567",
                       "user_123-45-6789",
                       "user_ssn-123-45-6789",
                       "user_ssn:123-45-6789",
                       "user_4111-1111-1111-1111",
                       "user_5500.0000.0000.0004",
                       "user_3782-822463-10005",
                       "agent_card:4111-1111-1111-1111",
                       "user_4111%201111%201111%201111",
                       "user_4111|1111|1111|1111",
                       "user_4111=1111=1111=1111",
                       "user_4111~1111~1111~1111",
                       "user_7-4111-1111-1111-1111",
                       "user_+1%20415%20555%200123",
                       "user_+1%20(415)%20555-0123",
                       "user_tel+14155550123",
                       "user_sarah+14155550123",
                       "user_jos%C3%A9@example.com",
                       "user_bob@ex%C3%A4mple.de",
                       "user_bob@example.xn--p1ai",
                       "user_bob-@example.com",
                       "user_bob@example.com-old",
                       "user_bob@example.com.2",
                       "user_ssn123-45-6789"}) {
    INFO(segment);
    CHECK(personal_data_in(segment).has_value());
  }
}

TEST_CASE("innocent ids are not taken for personal data", "[core]") {
  for (auto segment : {"user_550e8400-e29b-41d4-a716-446655440000",
                       "user_12345678-1234-4234-8234-123456789012",
                       "session_abcdefab-4123-4567-8901-23456789abcd",
                       "session_2026-01-31",
                       "session_2026-01-31T12:00:00+00:00",
                       "app_1.2.3",
                       "app_pkg@1.2.3",
                       "app_1.0.0+20240131123456",
                       "app_v2.0.0-rc.1+build.12345678",
                       "user_4111111111111111",
                       "user_1234567890",
                       "user_14155550123",
                       "user_123456789",
                       "user_1234-5678-9012-3456",
                       "user_4111-1111-1111-1112",
                       "user_sarah",
                       "agent_bot@v2",
                       "user_12-345-6789",
                       "app_image@sha256:0123456789abcdef",
                       "user_acct-0012-3456",
                       "user_9999-1111-1111-1111",
                       "agent_gpt-4.1-2025-04-14",
                       "app_pkg@1.0.0-alpha.beta",
                       "app_lib@2.0.rc",
                       "app_lib@v3.1.rc",
                       "app_1.0.0-alpha+20240131123456",
                       "user_ab4111-1111-1111-1111",
                       "user_0001-0002-0003-0004-0005"}) {
    INFO(segment);
    CHECK_FALSE(personal_data_in(segment).has_value());
  }
}
