import BenchCore
import BenchCoreML
import Foundation

// benchmark FOLDER: carries out the job in a folder on this Mac, as the app does in its Documents on a phone.
// Exit codes: 0 measured, 1 something went wrong, 2 wrong usage.

func stop(_ message: String, _ code: Int32) -> Never {
    FileHandle.standardError.write(Data("benchmark: \(message)\n".utf8))
    exit(code)
}

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 1, let folder = arguments.first, !folder.hasPrefix("-") else {
    stop("usage: benchmark FOLDER; the folder holds \(Session.jobName), the artifacts and the test sets", 2)
}
let files = URL(fileURLWithPath: folder, isDirectory: true)
guard FileManager.default.fileExists(atPath: files.appendingPathComponent(Session.jobName).path) else {
    stop("\(folder): no \(Session.jobName) in it", 2)
}

#if canImport(CoreML)
let activity = ProcessInfo.processInfo.beginActivity(options: [.userInitiated, .latencyCritical], reason: "measuring")
let app = AppDescription(name: "org.mobilerobust.benchmark", version: "1.0")
let device = AppleDevice(app: app, name: "Mac", system: "macOS")
let session = Session(files: files, device: device, runtime: CoreMLRuntime()) { step in
    print("\(step.done) of \(step.total): \(step.title): \(step.about)")
}
session.start()
let isMeasured = session.join()
ProcessInfo.processInfo.endActivity(activity)
exit(isMeasured ? 0 : 1)
#else
stop("needs Core ML: build it on a Mac", 1)
#endif
