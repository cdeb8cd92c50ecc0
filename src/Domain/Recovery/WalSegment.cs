using System.Globalization;

namespace ControlCenter.Domain.Recovery;

/// <summary>One file of the write-ahead log: a timeline, and which stretch of it (PostgreSQL, "WAL Internals").</summary>
/// <param name="Timeline">A new one begins with each promotion; from 1.</param>
/// <param name="Number">Which segment since the cluster was made.</param>
/// <param name="IsPartial">It is still being received.</param>
public readonly record struct WalSegment(uint Timeline, ulong Number, bool IsPartial = false)
{
    /// <summary>16 MiB, which is what <c>initdb</c> chooses unless it is told otherwise.</summary>
    public const uint DefaultBytes = 16 * 1024 * 1024;

    private const string PartialEnd = ".partial";

    /// <summary>Reads a file's name, as <c>pg_receivewal</c> gives it.</summary>
    /// <param name="name">24 hexadecimal digits, and <c>.partial</c> while it is being received.</param>
    /// <param name="segmentBytes">The cluster's <c>wal_segment_size</c>: a power of two from 1 MiB to 1 GiB.</param>
    /// <returns>Null where it is another kind of file.</returns>
    public static WalSegment? TryParse(string name, uint segmentBytes = DefaultBytes)
    {
        var partial = name.EndsWith(PartialEnd, StringComparison.Ordinal);
        var digits = partial ? name.AsSpan(0, name.Length - PartialEnd.Length) : name;
        return digits.Length == 24 && Hex(digits[..8]) is { } timeline and > 0 && Hex(digits[8..16]) is { } log && Hex(digits[16..]) is { } segment
            && segment < PerLog(segmentBytes)
            ? new WalSegment(timeline, (log * PerLog(segmentBytes)) + segment, partial)
            : null;
    }

    /// <summary>The segment that a place is in.</summary>
    public static WalSegment At(uint timeline, Lsn place, uint segmentBytes = DefaultBytes) => new(timeline, place.Value / segmentBytes);

    /// <summary>The first place in it.</summary>
    public Lsn Start(uint segmentBytes = DefaultBytes) => new(Number * segmentBytes);

    /// <summary>Its file's name.</summary>
    public string FileName(uint segmentBytes = DefaultBytes) => string.Create(
        CultureInfo.InvariantCulture, $"{Timeline:X8}{Number / PerLog(segmentBytes):X8}{Number % PerLog(segmentBytes):X8}{(IsPartial ? PartialEnd : "")}");

    private static ulong PerLog(uint segmentBytes) => 0x1_0000_0000UL / segmentBytes;

    private static uint? Hex(ReadOnlySpan<char> digits) =>
        uint.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) && digits.IndexOfAnyInRange('a', 'f') < 0 ? value : null;
}
