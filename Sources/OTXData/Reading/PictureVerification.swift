public import OTXCore
import Synchronization

extension Dataset {
  /// Decodes every picture, on all cores: what a look at headers cannot find.
  ///
  /// - Parameter progress: Told how many pictures are done, on any thread, in no order.
  /// - Returns: A problem for each picture that cannot be decoded, in the order of the items.
  public func verifyPictures(
    progress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) -> [DatasetProblem] {
    let all = Subset.allCases.flatMap { items[$0] ?? [] }
    let counter = DoneCounter()
    let found = ParallelResults<DatasetProblem>(count: all.count)
    WorkerThreads.forEach(all.count) { index in
      let item = all[index]
      func report(_ reason: String) {
        found.set(
          index,
          DatasetProblem(
            kind: "unreadable picture",
            location: item.origin.isEmpty ? item.id : item.origin,
            message: reason.aboutPicture,
            remedy: .noted
          )
        )
      }
      do {
        _ = try SampleLoader<Detection>.image(of: item)
      } catch DataError.unreadable(_, let reason) {
        report(reason)
      } catch {
        report("\(error)")
      }
      progress(counter.next(), all.count)
    }
    return found.all.compactMap { $0 }
  }
}

private final class DoneCounter: Sendable {
  private let value = Atomic<Int>(0)
  func next() -> Int { value.add(1, ordering: .relaxed).newValue }
}
