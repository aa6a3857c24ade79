import Foundation
import OTXCore

/// Turns every spelling of a command line that users know into the one that is declared.
///
/// - `_` and `-` are the same in option names.
/// - What follows the word `params` becomes parameters: `--parameter learning_parameters.x=4`.
/// - `--recipe-hparams a=1 b=2` becomes `--set a=1 --set b=2`.
/// - Options that may stand without a value get one.
/// - Commands and options of other versions are answered by name.
struct ArgumentNormalizer {
  /// The commands there are, and other words for them.
  let commands: [String]
  let aliases: [String: [String]]
  /// Second words, where the first takes one.
  var subcommands: [String: [String]] = [:]

  /// Options of the contract that this version does not have.
  static let laterOptions = [
    "unlabeled-data-roots", "unlabeled-file-list", "rdzv-endpoint",
    "base-rank", "world-size", "encryption-key", "track-resource-usage",
  ]

  /// Options that take a value or none, with what none means.
  private static let optionalValues: [String: [String: String]] = [
    "find": ["task": "", "recipe": "", "model": "", "backbone": ""],
    "train": ["deterministic": "true", "resume": ""],
  ]

  /// Options of two values, which become one.
  private static let pairs: Set<String> = ["fit-to-size"]

  func normalize(_ arguments: [String]) throws(UsageError) -> [String] {
    var result: [String] = []
    var rest = arguments[...]
    let command = try command(of: arguments)
    while let argument = rest.popFirst() {
      if argument == "--" {
        result += [argument] + rest
        break
      }
      if argument == "params", isParameterSection(rest) {
        result += try parameters(rest)
        break
      }
      guard argument.hasPrefix("--") else {
        result.append(argument)
        continue
      }
      let (name, value) = ArgumentNormalizer.split(argument)
      if ArgumentNormalizer.laterOptions.contains(name) {
        throw UsageError("this version does not have --\(name) yet")
      }
      if name == "recipe-hparams" {
        var assignments = value.map { [$0] } ?? []
        while let next = rest.first, next.contains("="), !next.hasPrefix("-") {
          assignments.append(next)
          rest.removeFirst()
        }
        result += assignments.flatMap { ["--set", $0] }
        continue
      }
      if value == nil, ArgumentNormalizer.pairs.contains(name), rest.count > 1,
        rest.prefix(2).allSatisfy({ Int($0) != nil })
      {
        result.append("--\(name)=\(rest.prefix(2).joined(separator: " "))")
        rest.removeFirst(2)
        continue
      }
      if value == nil, let next = rest.first, ArgumentNormalizer.isNegativeNumber(next) {
        // Not an option: the declared one says what is wrong with it.
        result.append("--\(name)=\(next)")
        rest.removeFirst()
        continue
      }
      result.append("--" + name + (value.map { "=" + $0 } ?? ""))
      if value == nil, let none = ArgumentNormalizer.optionalValues[command ?? ""]?[name],
        rest.first.map({ $0.hasPrefix("-") }) ?? true
      {
        result.append(none)
      }
    }
    if let command, let meaning = aliases[command], let index = result.firstIndex(of: command) {
      result.replaceSubrange(index...index, with: meaning)
    }
    return result
  }

  /// The command's word, as typed.
  ///
  /// - Throws: ``UsageError`` for a word that is no command.
  private func command(of arguments: [String]) throws(UsageError) -> String? {
    var words = arguments.filter { !$0.hasPrefix("-") }
    // `otx help trian` is about a command, too.
    if words.first == "help", words.count > 1, arguments.first == "help" { words.removeFirst() }
    guard let word = words.first else { return nil }
    // Completion scripts name a shell, not a command.
    let isCompletion = arguments.first.map { $0.contains("completion") } ?? false
    if isCompletion { return nil }
    let known = commands + aliases.keys.sorted() + ["help"]
    if let seconds = subcommands[word],
      let second = arguments.drop(while: { $0 != word }).dropFirst().first,
      !second.hasPrefix("-"), !seconds.contains(second)
    {
      let hint = Suggestion.phrase(for: second, among: seconds)
      throw UsageError(
        "unknown command '\(word) \(second)'\(hint)\nThere is: \(seconds.joined(separator: ", "))"
      )
    }
    if known.contains(word) { return word }
    let hint = Suggestion.phrase(for: word, among: known)
    throw UsageError(
      "unknown command '\(word)'\(hint)\nCommands: \(commands.joined(separator: ", "))"
    )
  }

  private func isParameterSection(_ rest: ArraySlice<String>) -> Bool {
    guard let next = rest.first else { return true }
    return next.hasPrefix("--") && ArgumentNormalizer.split(next).name.contains(".")
  }

  private func parameters(_ section: ArraySlice<String>) throws(UsageError) -> [String] {
    var result: [String] = []
    var rest = section
    while let argument = rest.popFirst() {
      guard argument.hasPrefix("--") else {
        throw UsageError(
          "'\(argument)' in the params section has no name; write --group.name value"
        )
      }
      var (name, value) = ArgumentNormalizer.split(argument)
      name = name.replacingOccurrences(of: "-", with: "_")
      if value == nil, let next = rest.first, !next.hasPrefix("--") {
        value = next
        rest.removeFirst()
      }
      guard let value else { throw UsageError("params --\(name) needs a value") }
      result += ["--parameter", "\(name)=\(value)"]
    }
    return result
  }

  /// Whether a word is a value and no option, whatever it begins with.
  private static func isNegativeNumber(_ word: String) -> Bool {
    word.hasPrefix("-") && word.dropFirst().first.map { $0.isNumber || $0 == "." } == true
  }

  /// `--train_data_roots=x` as `("train-data-roots", "x")`.
  private static func split(_ argument: String) -> (name: String, value: String?) {
    let body = argument.dropFirst(2)
    let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = parts.first.map { $0.replacingOccurrences(of: "_", with: "-") } ?? ""
    return (name, parts.count > 1 ? String(parts[1]) : nil)
  }
}

/// A wrong command line: exit status 64.
struct UsageError: Error, Equatable, CustomStringConvertible {
  var message: String
  init(_ message: String) { self.message = message }
  var description: String { message }

  /// Does what belongs to understanding the command line: a configuration that is wrong there is
  /// a wrong command line.
  static func unless<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as ConfigurationError {
      throw UsageError(error.description)
    }
  }
}
