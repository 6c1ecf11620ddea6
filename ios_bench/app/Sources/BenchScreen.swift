import BenchCore
import SwiftUI

/// What the phone shows: what is measured now and how far it is.
struct BenchScreen: View {
    let step: Step

    private static let handsOff =
        "Do not touch the phone: the screen stays on, and this app has to stay in front until it is done."

    var body: some View {
        ScrollView { // what does not fit, as where letters are large, can be scrolled to
            VStack(alignment: .leading, spacing: 20) {
                Text("mobile-robust bench")
                    .font(.headline)
                Text(step.title.prefix(1).uppercased() + step.title.dropFirst())
                    .font(.largeTitle)
                Text(step.about)
                    .font(.title3)
                if step.total > 0 {
                    ProgressView(value: Double(step.done), total: Double(step.total))
                    Text("\(step.done) of \(step.total) repetitions measured")
                        .font(.title3)
                    Text(Self.handsOff)
                        .font(.callout)
                        .foregroundColor(.secondary)
                }
            }
            .frame(maxWidth: .infinity, alignment: .leading)
            .padding(24)
        }
    }
}
