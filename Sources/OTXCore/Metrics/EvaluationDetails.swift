/// What an evaluation shows beyond its scores: curves, matrices, pictures.
public struct EvaluationDetails: Codable, Sendable, Equatable {
  /// Tables, curves and matrices, in the order to read them.
  public var sections: [ReportSection]
  /// A few pictures as they came.
  public var samples: [ReportPicture]
  /// The pictures with the greatest errors, the worst first.
  public var worst: [ReportPicture]

  public init(
    sections: [ReportSection] = [],
    samples: [ReportPicture] = [],
    worst: [ReportPicture] = []
  ) {
    self.sections = sections
    self.samples = samples
    self.worst = worst
  }

  /// Pictures a report shows of either kind.
  static let pictureCount = 8
}

/// Which pictures of many a report shows.
struct PictureChoice {
  /// Spread evenly over all.
  var samples: [Int]
  /// Those with an error above 0, the greatest first; of equal ones the earlier.
  var worst: [Int]

  init(errors: [Double], count: Int = EvaluationDetails.pictureCount) {
    let shown = min(count, errors.count)
    samples = (0..<shown).map { ($0 * errors.count + errors.count / 2) / max(shown, 1) }
    worst = Array(
      errors.indices.filter { errors[$0] > 0 }
        .sorted { errors[$0] == errors[$1] ? $0 < $1 : errors[$0] > errors[$1] }
        .prefix(count)
    )
  }
}
