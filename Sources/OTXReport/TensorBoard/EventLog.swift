public import Foundation
public import OTXCore

/// Writes the figures of a run as TensorBoard events, one record a step and a validation.
///
/// Each record is on its way to the disk before the next step begins, so that what was measured
/// survives whatever ends the program. A run that goes on writes another file, which says from which
/// step on the older ones are void; TensorBoard shows one curve.
///
/// Scalars: `lr`, `epoch` (with its fraction), `train/<loss>`, `train/grad_norm`, `val/<score>`,
/// `performance/images_per_second`, `performance/step_seconds`, `performance/data_seconds`,
/// `performance/memory_mib`, `performance/validation_seconds`.
public final class EventLog: TrainingObserver, @unchecked Sendable {
  // Guarded by `lock`, hence the unchecked conformance.
  private let lock = NSLock()
  private let directory: URL
  private let host: String
  private let now: @Sendable () -> Date
  /// Opened at the first event, so that a run that never begins leaves no file.
  private var file: FileHandle?
  private var isBroken = false
  private var lastStep = 0
  private var validationStart: Date?

  /// - Parameters:
  ///   - directory: The run's folder.
  ///   - host: The machine's name, which becomes part of the file's.
  ///   - now: The clock that stamps the events.
  public init(
    in directory: URL,
    host: String = ProcessInfo.processInfo.hostName,
    now: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.directory = directory
    self.host = host
    self.now = now
  }

  public func observe(_ event: TrainingEvent) {
    lock.lock()
    defer { lock.unlock() }
    switch event {
    case .resumed(let step, _): lastStep = step.iteration
    case .step(let step):
      write(EventLog.scalars(of: step), step: step.iteration)
      lastStep = step.iteration
      validationStart = nil
    case .validating where validationStart == nil: validationStart = now()
    case .validated(_, let report, _):
      var scalars = report.values.sorted { $0.key < $1.key }
        .map { RunEvent.Scalar(tag: "val/\($0.key)", value: Float($0.value)) }
      if let validationStart {
        let seconds = now().timeIntervalSince(validationStart)
        scalars.append(.init(tag: RunHistory.validationSeconds, value: Float(max(seconds, 0))))
      }
      write(scalars, step: lastStep, isValidation: true)
      validationStart = nil
    default: break
    }
  }

  private static func scalars(of step: TrainingStep) -> [RunEvent.Scalar] {
    let done = Double(step.epoch - 1) + Double(step.step) / Double(max(step.stepCount, 1))
    let rate = step.time > 0 ? Double(step.imageCount) / step.time : 0
    let figures =
      [("lr", step.learningRate), (RunHistory.epoch, done)]
      + step.losses.map { ("train/\($0.name)", $0.value) }
      + [
        ("train/grad_norm", step.gradientNorm), (RunHistory.imagesPerSecond, rate),
        (RunHistory.stepSeconds, step.time), (RunHistory.dataSeconds, step.dataTime),
        (RunHistory.memory, Double(step.memoryBytes) / 0x1p20),
      ]
    return figures.map { RunEvent.Scalar(tag: $0.0, value: Float($0.1)) }
  }

  /// Appends an event; a disk that is full must not end the training it describes.
  private func write(_ scalars: [RunEvent.Scalar], step: Int, isValidation: Bool = false) {
    // A run that goes on with a validation keeps the step that is validated.
    guard let file = opened(before: isValidation ? step + 1 : step) else { return }
    append(RunEvent(wallTime: now().timeIntervalSince1970, step: step, .scalars(scalars)), to: file)
  }

  private func append(_ event: RunEvent, to file: FileHandle) {
    do {
      try file.write(contentsOf: Data(EventFile.record(event.encoded())))
    } catch {
      // After half a record nothing that follows could be read.
      isBroken = true
      try? file.close()
      self.file = nil
    }
  }

  private func opened(before step: Int) -> FileHandle? {
    if let file { return file }
    guard !isBroken else { return nil }
    let earlier = EventFile.files(in: directory)
    let time = now()
    let name = EventFile.name(at: time, host: host)
    for attempt in 0..<100 {
      let url = directory.appending(path: attempt == 0 ? name : "\(name).\(attempt)")
      let descriptor = open(url.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, 0o644)
      if descriptor < 0, errno == EEXIST { continue }
      guard descriptor >= 0 else { break }
      let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
      file = handle
      let seconds = time.timeIntervalSince1970
      append(RunEvent(wallTime: seconds, step: 0, .fileVersion(RunEvent.version)), to: handle)
      if !earlier.isEmpty, file != nil {
        append(RunEvent(wallTime: seconds, step: step, .sessionStart), to: handle)
      }
      return file
    }
    isBroken = true
    return nil
  }
}
