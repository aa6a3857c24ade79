/// The colours of labels, the same in drawings, reports and label files.
public enum LabelPalette {
  /// The colour of the label at `index`, as an RGB triple.
  ///
  /// Hues step by the golden ratio, so that neighbours differ and any number of labels has colours;
  /// every second round of eight is darker.
  public static func color(_ index: Int) -> (red: UInt8, green: UInt8, blue: UInt8) {
    let turn = Double(index) * 0.618_033_988_749_895
    let hue = 6 * (turn - turn.rounded(.down))
    let value = index / 8 % 2 == 0 ? 1.0 : 0.7
    let saturation = 0.85
    func channel(_ offset: Double) -> UInt8 {
      let k = (offset + hue).truncatingRemainder(dividingBy: 6)
      let level = value - value * saturation * max(0, min(k, 4 - k, 1))
      return UInt8((255 * level).rounded())
    }
    return (channel(5), channel(3), channel(1))
  }
}
