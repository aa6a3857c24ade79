/// The colours of labels, the same in drawings, reports and label files.
public enum LabelPalette {
  /// The colour of the label at `index`.
  ///
  /// Hues are a golden angle apart, so that any first few labels differ well; every seventh starts
  /// a darker or paler round.
  public static func color(_ index: Int) -> Color {
    let index = max(index, 0)
    let round = index / 7 % 3
    return Color(
      hue: (Double(index) * 137.507_764).truncatingRemainder(dividingBy: 360),
      saturation: [0.80, 0.95, 0.50][round],
      value: [0.95, 0.65, 1.0][round]
    )
  }
}
