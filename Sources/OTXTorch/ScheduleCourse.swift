/// How the steps of a training lie on its schedule once the training has another length.
///
/// What is left of the schedule is stretched or pressed together over the steps that are left, so
/// that the rate goes on from where it is and ends where it was to end.
struct ScheduleCourse: Codable, Equatable {
  /// Steps of the schedule.
  let planned: Int
  /// The step that the newest change was made after.
  private(set) var start = 0
  /// The place on the schedule then.
  private(set) var origin = 0.0
  /// Steps of the training.
  private(set) var last: Int

  init(planned: Int) {
    (self.planned, last) = (planned, planned)
  }

  /// Where on the schedule a step is that comes after `step` others.
  func place(of step: Int) -> Double {
    guard last > start else { return Double(planned) }
    let share = Double(step - start) / Double(last - start)
    return min(origin + share * (Double(planned) - origin), Double(planned))
  }

  /// Lets the training end after `last` steps, `step` of which are done.
  mutating func end(at last: Int, from step: Int) {
    let place = place(of: step)
    (start, origin, self.last) = (step, place, max(last, step))
  }
}
