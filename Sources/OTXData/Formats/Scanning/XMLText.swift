import Foundation
import OTXCore

/// Writes text and numbers as XML.
enum XMLText {
  /// A text with XML's own characters written as entities; control characters, which XML cannot
  /// hold, become spaces.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\t": result += "&#9;"
      case "\n": result += "&#10;"
      case "\r": result += "&#13;"
      default:
        if scalar.value < 0x20 { result += " " } else { result.unicodeScalars.append(scalar) }
      }
    }
    return result
  }

  /// `<name>text</name>`.
  static func element(_ name: String, _ text: String) -> String {
    "<\(name)>\(escaped(text))</\(name)>"
  }
}

extension XMLElement {
  /// The text of a child, without space around it.
  func text(_ name: String) -> String? { child(name)?.value }

  /// The number of a child; `nil` where there is none or it is a word.
  func number(_ name: String) -> Float? { text(name).flatMap { Float($0) } }
}
