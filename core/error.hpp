// Operating errors are values. One byte, closed set; programmer errors are assertions (assert.hpp).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace core {

enum class Error : uint8_t {
  none,
  closed,       // the connection went away; what was sent may or may not have been done
  timeout,      // the deadline passed; what was sent may or may not have been done
  overload,     // a limit of ours is reached; nothing was sent
  protocol,     // the other side said something that cannot be understood
  unavailable,  // not connected or not ready; nothing was sent
};

std::string_view name(Error error);

// A value or the reason why there is none. `value` is meaningful only while `error` is none.
template <class T>
struct [[nodiscard]] Result {
  T value{};
  Error error = Error::none;
  explicit operator bool() const { return error == Error::none; }
  const T* operator->() const { return &value; }
  T* operator->() { return &value; }
};

// For cold paths (configuration, start-up, admin): a value or a sentence a person can act on.
template <class T>
struct [[nodiscard]] Checked {
  std::optional<T> value;
  std::string problem;                         // empty exactly when there is a value
  Checked(T good) : value{std::move(good)} {}  // NOLINT: conversion is the point
  static Checked failed(std::string why) { return Checked{Failure{std::move(why)}}; }
  explicit operator bool() const { return value.has_value(); }
  T& operator*() { return *value; }
  T* operator->() { return &*value; }

 private:
  struct Failure {
    std::string why;
  };
  explicit Checked(Failure failure) : problem{std::move(failure.why)} {}
};

// Success, or a sentence a person can act on.
struct [[nodiscard]] Status {
  std::string problem;
  explicit operator bool() const { return problem.empty(); }
};

}  // namespace core
