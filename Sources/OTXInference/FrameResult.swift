import OTXCore

/// What models found in a picture of a source.
package struct FrameResult: Sendable {
  package var frame: SourceFrame
  package var findings: PictureFindings
  /// From the moment the picture was handed over until the answer was there.
  package var seconds: Double

  package init(frame: SourceFrame, findings: PictureFindings, seconds: Double) {
    (self.frame, self.findings, self.seconds) = (frame, findings, seconds)
  }

  /// One line of JSON, without the end of the line.
  package var jsonLine: String { jsonLine(model: nil, timings: []) }

  /// One line of JSON that also says which model was asked, and what took how long.
  ///
  /// - Parameters:
  ///   - model: The model's name, if it is to be said.
  ///   - timings: Seconds of each part of the work, in order.
  /// - Returns: The line, without its end.
  package func jsonLine(model: String?, timings: [(name: String, seconds: Double)]) -> String {
    var json = JSONLine()
    json.begin(frame.origin)
    json.number("height", frame.image.height)
    json.number("width", frame.image.width)
    json.key("prediction")
    json.findings(findings)
    json.number("seconds", seconds)
    if let model {
      json.key("model")
      json.string(model)
    }
    if !timings.isEmpty {
      json.key("timings")
      json.numbers(timings)
    }
    return json.finish()
  }
}

extension SourceEvent {
  /// What could not be read, as one line of JSON; `nil` for a frame.
  package var damageLine: String? {
    guard case .damaged(let origin, let reason) = self else { return nil }
    var json = JSONLine()
    json.begin(origin)
    json.key("error")
    json.string(reason)
    return json.finish()
  }
}

/// Writes one object of JSON by hand: a line for each frame must not cost more than its model.
private struct JSONLine {
  private var text = "{"
  private var needsComma = false

  mutating func begin(_ origin: FrameOrigin) {
    key(origin.kind.rawValue)
    string(origin.name)
    guard origin.kind != .image else { return }
    number("frame", origin.index)
    if let time = origin.time { number("time", time) }
  }

  mutating func key(_ name: String) {
    if needsComma { text += "," }
    string(name)
    text += ":"
    needsComma = true
  }

  mutating func number(_ name: String, _ value: Int) {
    key(name)
    text += String(value)
  }

  mutating func number(_ name: String, _ value: Double) {
    key(name)
    // Microseconds, resolution of clocks and frame times; a longer tail tells nothing.
    text += value.isFinite ? "\((value * 1e6).rounded() / 1e6)" : "null"
  }

  mutating func numbers(_ values: [(name: String, seconds: Double)]) {
    text += "{"
    needsComma = false
    for value in values { number(value.name, value.seconds) }
    text += "}"
    needsComma = true
  }

  mutating func findings(_ found: PictureFindings) {
    text += "["
    for (index, finding) in found.findings.enumerated() {
      text += index > 0 ? ",{" : "{"
      needsComma = false
      if let box = finding.box {
        key("box")
        text +=
          "{\"x1\":\(box.x1),\"x2\":\(box.x2),\"y1\":\(box.y1),\"y2\":\(box.y2)}"
      }
      key("label")
      string(finding.label)
      key("score")
      text += finding.score.isFinite ? "\(finding.score)" : "null"
      if let value = finding.value {
        key("value")
        text += value.isFinite ? "\(value)" : "null"
      }
      if found.inside.indices.contains(index) {
        key("inside")
        findings(found.inside[index])
      }
      text += "}"
    }
    text += "]"
    needsComma = true
  }

  mutating func string(_ value: String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }

  func finish() -> String { text + "}" }
}
