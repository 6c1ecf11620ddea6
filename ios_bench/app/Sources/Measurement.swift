import BenchCore
import BenchCoreML
import Combine
import UIKit

/// What the screen shows of the session. There is one in a process.
@MainActor
final class Measurement: ObservableObject {
    @Published private(set) var step = Step(title: "Starting", about: "", done: 0, total: 0)

    private let phone = Phone()
    private var session: Session?
    private var notifications: [AnyCancellable] = []

    init() {
        let documents = FileManager.default.urls(for: .documentDirectory, in: .userDomainMask)[0]
        session = Session(files: documents, device: phone, runtime: CoreMLRuntime()) { [weak self] step in
            DispatchQueue.main.async { [weak self] in self?.step = step }
        }
        UIApplication.shared.isIdleTimerDisabled = true // the screen stays on
        let center = NotificationCenter.default
        notifications = [
            center.publisher(for: UIApplication.didBecomeActiveNotification).sink { [weak self] _ in
                self?.phone.isInFront = true
                self?.session?.start() // not earlier: nothing is measured before the phone shows the app
            },
            center.publisher(for: UIApplication.willResignActiveNotification).sink { [weak self] _ in
                self?.phone.isInFront = false
            },
        ]
    }
}
