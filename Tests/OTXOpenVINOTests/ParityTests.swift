import OTXCore
import OTXTesting
import Testing

@testable import OTXOpenVINO

@Suite("Parity of two frameworks")
struct ParityTests {
  private func outputs(_ values: [Float], _ name: String = "y") -> [String: ModelOutput] {
    [name: ModelOutput(shape: [values.count], values: values)]
  }

  @Test func equalOutputsDoNotDiffer() throws {
    var report = ParityReport()
    try report.compare(outputs([1, -2, .infinity, .nan]), with: outputs([1, -2, .infinity, .nan]))
    #expect(report.maxAbsoluteDifference == 0)
    #expect(report.maxRelativeDifference == 0)
  }

  @Test func theLargestDifferenceCountsRelativeToTheLargestNumber() throws {
    var report = ParityReport()
    try report.compare(outputs([1, -8, 0.5]), with: outputs([1, -10, 0.25]))
    expectClose(report.maxAbsoluteDifference, 2)
    expectClose(report.maxRelativeDifference, 0.2)
    // A better pair does not make the report better.
    try report.compare(outputs([1]), with: outputs([1]))
    expectClose(report.maxAbsoluteDifference, 2)
    #expect(report.deviceDefaultRelativeDifference == nil)
    try report.compareDeviceDefault(outputs([1.5]), with: outputs([1]))
    expectClose(report.deviceDefaultRelativeDifference ?? 0, 0.5)
    expectClose(report.maxRelativeDifference, 0.2)
  }

  @Test(arguments: [
    [1, 2, 3], [1, .nan], [.infinity, 2],
  ])
  func outputsThatCannotBeComparedAreNotTheSame(_ values: [Float]) {
    var report = ParityReport()
    #expect(throws: ModelError.self) {
      try report.compare(outputs(values), with: outputs([1, 2]))
    }
  }

  @Test func anOutputThatIsMissingIsNotTheSame() {
    var report = ParityReport()
    #expect(throws: ModelError.self) {
      try report.compare(outputs([1], "x"), with: outputs([1], "y"))
    }
  }
}
