package import Foundation
package import OTXCore

/// What to look at, with which models, and where results go.
package struct RunOptions: Sendable, Equatable {
  /// Whether the device works on several pictures at once.
  package enum Mode: String, Sendable, CaseIterable { case sync, async }

  package var inputs: [InputItem] = []
  /// The first looks at pictures, each further one at what the one before it found.
  package var models: [URL] = []
  /// `nil`: several pictures at once, except for one picture and for cameras.
  package var mode: Mode?
  package var device = "auto"
  package var precision = Precision.auto
  package var threads = 0
  package var confidenceThreshold: Float?
  /// Where pictures with marks go: a folder, a picture or a video; `nil`: nowhere.
  package var output: String?
  /// The size that drawn pictures are fitted to.
  package var fit: ImageSize?
  /// Begins again after the last input.
  package var loops = false
  /// Milliseconds to wait after each picture; below 0: until Enter is pressed.
  package var delay = 0
  /// Draws latency and throughput on pictures, and reports them every second.
  package var showsPerformance = false
  /// Stops after as many pictures; `nil`: after the last.
  package var frameLimit: Int?

  package init() {}

  /// The mode in force.
  var effectiveMode: Mode {
    if let mode { return mode }
    let isLive = inputs.contains { item in
      switch item {
      case .camera, .stream: true
      case .picture, .video: false
      }
    }
    let isOnePicture =
      inputs.count == 1
      && inputs.allSatisfy { item in
        if case .picture = item { true } else { false }
      }
    return isLive || (isOnePicture && !loops) ? .sync : .async
  }
}

/// What a run came to.
package struct RunSummary: Sendable, Equatable {
  /// Pictures and frames that were looked at.
  package var frameCount = 0
  /// What could not be read: place and reason.
  package var damaged: [String] = []
  /// From the first picture asked for to the last answer.
  package var seconds = 0.0
  /// Until the first answer was there, from the start of the run, compiling of models included.
  package var secondsToFirst: Double?
  /// Of each picture, from being handed over to the answer; the most recent thousands.
  package var latencies: [Double] = []
  /// Files with drawn pictures.
  package var files: [URL] = []

  package init() {}

  package var framesPerSecond: Double { seconds > 0 ? Double(frameCount) / seconds : 0 }

  package var medianLatency: Double {
    latencies.isEmpty ? 0 : latencies.sorted()[latencies.count / 2]
  }

  /// A line for people.
  package var text: String {
    let what = frameCount == 1 ? "1 picture" : "\(frameCount) pictures"
    var text = String(format: "%@ in %.2f s: %.1f a second", what, seconds, framesPerSecond)
    if !latencies.isEmpty { text += String(format: ", %.1f ms each (median)", medianLatency * 1e3) }
    if !damaged.isEmpty { text += ", \(damaged.count) could not be read" }
    return text
  }
}
