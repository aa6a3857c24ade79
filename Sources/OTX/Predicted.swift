public import Foundation
public import OTXCore

/// What a model says about one picture file, whatever its task.
public struct PicturePrediction: Codable, Sendable {
  public var image: URL
  public var size: ImageSize
  /// What was found, the surest first.
  public var findings: [Finding]
  /// What to draw on the picture.
  public var marks: [OverlayMark]

  /// One line for people: `3 RBC, 1 WBC`, or the likeliest label of the whole picture.
  public var summary: String

  private enum CodingKeys: String, CodingKey { case image, size, findings, summary }

  init(
    image: URL,
    size: ImageSize,
    findings: [Finding],
    marks: [OverlayMark],
    summary: String
  ) {
    self.image = image
    self.size = size
    self.findings = findings
    self.marks = marks
    self.summary = summary
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    image = try container.decode(URL.self, forKey: .image)
    size = try container.decode(ImageSize.self, forKey: .size)
    findings = try container.decode([Finding].self, forKey: .findings)
    summary = try container.decode(String.self, forKey: .summary)
    marks = []
  }
}

/// The scores of one evaluation and how long it took.
public struct Evaluation: Codable, Sendable {
  public var report: MetricReport
  public var subset: Subset
  /// The word users know the score by: `f-measure`, `accuracy`.
  public var performanceMetric: String
  /// Pictures scored, and seconds for each, decoding included.
  public var itemCount: Int
  public var secondsPerImage: Double
  /// What users should know of these scores: another subset than was asked for, items left out.
  public var notes: [String] = []

  /// The score under ``performanceMetric``.
  public var performance: Double { report.values[performanceMetric] ?? 0 }
}
