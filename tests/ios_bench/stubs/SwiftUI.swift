// A stub for type checks on Linux: the few names of SwiftUI that are used, with Apple's documented signatures.

@_exported import Combine
@_exported import Foundation

public typealias CGFloat = Foundation.CGFloat

@MainActor
public protocol View {
    associatedtype Body: View
    @ViewBuilder var body: Body { get }
}

extension Never: View {
    public var body: Never { fatalError() }
}

extension Optional: View where Wrapped: View {
    public var body: Never { fatalError() }
}

@resultBuilder
public struct ViewBuilder {
    public static func buildBlock<each Content: View>(_ content: repeat each Content) -> TupleView<(repeat each Content)> {
        fatalError()
    }

    public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
    public static func buildIf<Content: View>(_ content: Content?) -> Content? { content }
}

public struct TupleView<T>: View {
    public var body: Never { fatalError() }
}

public struct Text: View {
    public init<S: StringProtocol>(_ content: S) {}

    public var body: Never { fatalError() }

    public func font(_ font: Font?) -> Text { self }
    public func foregroundColor(_ color: Color?) -> Text { self }
}

public struct Font {
    public static let largeTitle = Font()
    public static let title3 = Font()
    public static let headline = Font()
    public static let callout = Font()
}

public struct Color: View {
    public static let secondary = Color()

    public var body: Never { fatalError() }
}

public struct HorizontalAlignment {
    public static let leading = HorizontalAlignment()
    public static let center = HorizontalAlignment()
}

public struct Alignment {
    public static let leading = Alignment()
    public static let center = Alignment()
}

public struct VStack<Content: View>: View {
    public init(
        alignment: HorizontalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content
    ) {}

    public var body: Never { fatalError() }
}

public struct ScrollView<Content: View>: View {
    public init(@ViewBuilder content: () -> Content) {}

    public var body: Never { fatalError() }
}

public struct ProgressView: View {
    public init<V: BinaryFloatingPoint>(value: V?, total: V = 1.0) {}

    public var body: Never { fatalError() }
}

extension View {
    public func padding(_ length: CGFloat) -> some View { self }

    public func frame(
        minWidth: CGFloat? = nil, idealWidth: CGFloat? = nil, maxWidth: CGFloat? = nil, minHeight: CGFloat? = nil,
        idealHeight: CGFloat? = nil, maxHeight: CGFloat? = nil, alignment: Alignment = .center
    ) -> some View { self }
}

@MainActor
public protocol Scene {
    associatedtype Body: Scene
    @SceneBuilder var body: Body { get }
}

extension Never: Scene {}

@resultBuilder
public struct SceneBuilder {
    public static func buildBlock<Content: Scene>(_ content: Content) -> Content { content }
}

public struct WindowGroup<Content: View>: Scene {
    public init(@ViewBuilder content: () -> Content) {}

    public var body: Never { fatalError() }
}

@MainActor
public protocol App {
    associatedtype Body: Scene
    @SceneBuilder var body: Body { get }

    init()
}

extension App {
    public static func main() { fatalError() }
}

@propertyWrapper
public struct StateObject<ObjectType: ObservableObject> {
    @MainActor public var wrappedValue: ObjectType { fatalError() }

    public init(wrappedValue thunk: @autoclosure @escaping () -> ObjectType) {}
}
