import Testing

@testable import OTXTorch

extension Training {
  /// The batch follows the memory that one picture more takes.
  @Suite("Batch trial") struct BatchFigures {
    private let figures = BatchTrial.Figures(fixed: 1e9, perPicture: 5e8)

    @Test("a batch that fits is kept, one that does not becomes the largest that does")
    func fits() {
      #expect(figures.largestBatch(upTo: 8, within: 5_000_000_000) == 8)
      #expect(figures.largestBatch(upTo: 8, within: 4_999_999_999) == 7)
      #expect(figures.largestBatch(upTo: 64, within: 6 << 30) == 10)
    }

    @Test("batch statistics need two pictures, whatever there is")
    func least() {
      #expect(figures.largestBatch(upTo: 8, within: 1_000_000) == 2)
      #expect(figures.largestBatch(upTo: 2, within: 1_000_000) == 2)
    }

    @Test("where a picture more takes nothing, nothing is changed")
    func flat() {
      let flat = BatchTrial.Figures(fixed: 9e9, perPicture: 0)
      #expect(flat.largestBatch(upTo: 8, within: 1) == 8)
    }
  }
}
