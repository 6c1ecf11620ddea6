import SwiftUI

/// Started by the host, or by hand; measures the job that lies in its Documents.
@main
struct BenchApp: App {
    @StateObject private var measurement = Measurement()

    var body: some Scene {
        WindowGroup {
            BenchScreen(step: measurement.step)
        }
    }
}
