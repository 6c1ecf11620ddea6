import Foundation

/// A class that the network finds in a photo; its probability is between 0 and 1.
public struct Prediction {
    public let index: Int
    public let label: String
    public let probability: Double

    /// The `count` likeliest classes, likeliest first.
    public static func top(_ logits: [Float], labels: [String], count: Int) -> [Prediction] {
        guard let largest = logits.max() else { return [] }
        let total = logits.reduce(0) { $0 + exp(Double($1 - largest)) }
        return logits.indices.sorted { logits[$0] > logits[$1] }.prefix(count).map { index in
            Prediction(
                index: index,
                label: index < labels.count ? labels[index] : "class \(index)",
                probability: exp(Double(logits[index] - largest)) / total
            )
        }
    }
}
