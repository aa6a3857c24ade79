import ArgumentParser
import Foundation
import OTXCore

/// The manual page `otx(1)`, made from the commands themselves: `otx --generate-manual`.
///
/// What commands and options there are, and what they mean, comes from their declarations; only
/// what no command owns (exit status, environment, files) stands here.
enum ManualPage {
  /// The hidden first argument that asks for the page.
  static let argument = "--generate-manual"

  /// The page in the roff language, with the macros of man(7).
  ///
  /// - Throws: `DecodingError` where the argument parser describes itself in an unknown form.
  static func text() throws -> String {
    let description = try JSONDecoder().decode(Tool.self, from: Data(OTXCommand._dumpHelp().utf8))
    let root = description.command
    var lines = [
      ".TH OTX 1 \"\" \"otx \(OTXVersion.current)\" \"User Commands\"",
      ".SH NAME", "otx \\- \(escaped(root.abstract ?? ""))",
      ".SH SYNOPSIS", ".B otx", "\\fICOMMAND\\fR [\\fIARGUMENT\\fR ...]",
      ".SH DESCRIPTION",
    ]
    lines += verbatim(root.discussion ?? "")
    lines.append(".SH COMMANDS")
    for command in OTXCommand.configuration.subcommands {
      lines += section(of: command, path: [], in: root)
    }
    lines += closing
    return lines.joined(separator: "\n") + "\n"
  }

  /// One command, then its own commands.
  private static func section(
    of type: any ParsableCommand.Type,
    path: [String],
    in parent: Tool.Command
  ) -> [String] {
    let name = type.configuration.commandName ?? ""
    guard let command = parent.subcommands?.first(where: { $0.commandName == name }),
      command.shouldDisplay ?? true
    else { return [] }
    let path = path + [name]
    var lines: [String] = []
    if type.configuration.subcommands.isEmpty {
      lines += [".SS otx \(escaped(path.joined(separator: " ")))", escaped(command.abstract ?? "")]
      lines += verbatim(usage(of: type))
      lines += verbatim(command.discussion ?? "")
      lines += (command.arguments ?? []).flatMap(argument)
    }
    for subcommand in type.configuration.subcommands {
      lines += section(of: subcommand, path: path, in: command)
    }
    return lines
  }

  private static func usage(of type: any ParsableCommand.Type) -> String {
    let text = OTXCommand.usageString(for: type)
    return text.hasPrefix("Usage: ") ? String(text.dropFirst("Usage: ".count)) : text
  }

  private static func argument(_ argument: Tool.Argument) -> [String] {
    let isEverywhere = ["help", "version"].contains(argument.valueName ?? "")
    guard argument.shouldDisplay ?? true, !isEverywhere else { return [] }
    let value = argument.kind == "flag" ? "" : " \\fI\(escaped(argument.valueName ?? "value"))\\fR"
    let names = (argument.names ?? []).map { name in
      "\\fB\(escaped((name.kind == "short" ? "-" : "--") + name.name))\\fR"
    }
    let title = names.isEmpty ? value.dropFirst() + "" : names.joined(separator: ", ") + value
    var meaning = argument.abstract ?? ""
    if let standard = argument.defaultValue, !standard.isEmpty {
      meaning += " (default: \(standard))"
    }
    return [".TP", title, escaped(meaning)]
  }

  /// Lines that stand as they are.
  private static func verbatim(_ text: String) -> [String] {
    guard !text.isEmpty else { return [] }
    return [".PP", ".nf"]
      + text.split(separator: "\n", omittingEmptySubsequences: false).map {
        escaped($0.trimmingCharacters(in: .whitespaces))
      } + [".fi"]
  }

  /// A text without anything that roff takes for a command.
  static func escaped(_ text: String) -> String {
    var result = text.replacingOccurrences(of: "\\", with: "\\e")
      .replacingOccurrences(of: "-", with: "\\-")
      .replacingOccurrences(of: "…", with: "...")
      .replacingOccurrences(of: "\n", with: " ")
    if result.hasPrefix(".") || result.hasPrefix("'") { result = "\\&" + result }
    return result
  }

  /// What belongs to every command.
  private static var closing: [String] {
    func list(_ title: String, _ entries: KeyValuePairs<String, String>) -> [String] {
      [".SH \(title)"]
        + entries.flatMap { [".TP", "\\fB\(escaped($0.key))\\fR", escaped($0.value)] }
    }
    return list(
      "EXIT STATUS",
      [
        "0": "Success.", "1": "The job failed; the message says why and what to do.",
        "64": "The command line is wrong.", "130": "Interrupted, after saving.",
      ]
    )
      + list(
        "ENVIRONMENT",
        [
          "OTX_SHIM_DIRECTORY":
            "Where libotx_torch.so and libotx_openvino.so are looked for first.",
          "OTX_CACHE": "The folder with libraries, measurements and weights; default: the next.",
          "XDG_CACHE_HOME":
            "Where the folder otx with libraries, measurements and weights is; default: ~/.cache.",
          "OTX_OFFLINE": "With the value 1, nothing is ever downloaded.",
          "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY": "How weights are downloaded.",
          "SSL_CERT_FILE": "Certificates to trust for downloads.",
          "LC_ALL, LC_CTYPE, LANG": "Whether the terminal shows UTF-8; otherwise ASCII is written.",
          "TERM": "With the value dumb, progress is written in plain lines.",
          "NO_COLOR": "Nothing to do: colors are never used.",
        ]
      )
      + list(
        "FILES",
        [
          "otx-workspace/": "The runs of trainings; otx-workspace/latest is the newest.",
          "otx-workspace/recipes/": "Recipes of your own.",
          "../share/otx/recipes/": "The recipes that came with the program, beside its bin folder.",
        ]
      )
  }

  /// The parser's description of itself, as far as the page needs it.
  private struct Tool: Decodable {
    var command: Command

    struct Command: Decodable {
      var commandName: String
      var abstract: String?
      var discussion: String?
      var shouldDisplay: Bool?
      var subcommands: [Command]?
      var arguments: [Argument]?
    }

    struct Argument: Decodable {
      var kind: String
      var shouldDisplay: Bool?
      var names: [Name]?
      var valueName: String?
      var defaultValue: String?
      var abstract: String?
    }

    struct Name: Decodable {
      var kind: String
      var name: String
    }
  }
}
