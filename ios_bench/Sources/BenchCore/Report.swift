import Foundation

/// The result so far: `result.json` of the result's schema, with one ``Run`` a model of the job.
final class Report {
    static let name = "result.json"

    private struct Document: Encodable {
        let schemaVersion = 1
        let created: String
        let app: AppDescription
        let device: DeviceDescription
        let `protocol`: JSON
        let runs: [Run]
        let complete: Bool
    }

    var runs: [Run]
    private let store: Store
    private let device: Device
    private let created: String
    private let description: DeviceDescription
    private let given: JSON

    init(_ job: Job, _ device: Device, runtimeVersion: String, _ store: Store) {
        self.store = store
        self.device = device
        created = Self.utc(device.wallMillis)
        description = device.description
        given = job.protocolAsGiven
        runs = job.models.map { Run($0, runtimeVersion: runtimeVersion) }
    }

    /// Writes it anew. `complete`: everything is measured or has an error that says why not.
    func write(complete: Bool) throws {
        let document = Document(
            created: created, app: device.app, device: description, protocol: given, runs: runs, complete: complete)
        try store.write(Self.name, JSON.write(document) + Data("\n".utf8))
    }

    /// A record in the place of the numbers that will not come.
    func error(_ run: Int, _ where: String, _ message: String) {
        let record = Run.ErrorRecord(when: Self.utc(device.wallMillis), where: `where`, message: message)
        runs[run].errors.append(record)
    }

    /// ISO 8601, to the millisecond.
    static func utc(_ wallMillis: Int64) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "yyyy-MM-dd'T'HH:mm:ss.SSS'+00:00'"
        return format.string(from: Date(timeIntervalSince1970: Double(wallMillis) / 1000))
    }
}
