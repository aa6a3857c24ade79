package import Foundation
package import OTXCore
package import OTXData
import OTXReport

/// A page about a dataset.
package enum DatasetPage {
  /// Writes tables and plots as one HTML file.
  ///
  /// - Throws: ``OTXCore/FileError/cannotWrite(_:reason:)``.
  package static func write(
    _ statistics: DatasetStatistics,
    of dataset: Dataset,
    to file: URL
  ) throws {
    let pictures = statistics.subsets.values.reduce(0, +)
    let annotations = statistics.kinds.reduce(0) { $0 + $1.count }
    let problems = dataset.problems.summary
    var groups = [ReportPage.Group("Data", statistics.sections)]
    if !problems.isEmpty {
      groups.append(
        ReportPage.Group("Problems", [ReportSection("What reading found", .lines(problems))])
      )
    }
    let page = ReportPage(
      title: dataset.root.lastPathComponent,
      subtitle: "Dataset in the format \(dataset.format) · \(dataset.root.path)",
      tiles: [
        ReportFact("pictures", NumberText.count(pictures)),
        ReportFact("annotations", NumberText.count(annotations)),
        ReportFact("labels", NumberText.count(statistics.labels.count)),
      ],
      groups: groups
    )
    try page.write(to: file)
  }
}
