using System.Globalization;

namespace ControlCenter.Domain.Recovery;

/// <summary>A place in PostgreSQL's write-ahead log, in bytes since the cluster was made (PostgreSQL, pg_lsn).</summary>
/// <param name="Value">Bytes.</param>
public readonly record struct Lsn(ulong Value) : IComparable<Lsn>
{
    /// <summary>Reads <c>16/B374D848</c>.</summary>
    /// <returns>Null where it is not one.</returns>
    public static Lsn? TryParse(string? text)
    {
        var slash = text?.IndexOf('/', StringComparison.Ordinal) ?? -1;
        return slash > 0
            && uint.TryParse(text.AsSpan(0, slash), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var high)
            && uint.TryParse(text.AsSpan(slash + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var low)
            ? new Lsn(((ulong)high << 32) | low)
            : null;
    }

    /// <inheritdoc />
    public int CompareTo(Lsn other) => Value.CompareTo(other.Value);

    /// <summary>As PostgreSQL writes it.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Value >> 32:X}/{(uint)Value:X}");

    /// <summary>Earlier.</summary>
    public static bool operator <(Lsn left, Lsn right) => left.Value < right.Value;

    /// <summary>Later.</summary>
    public static bool operator >(Lsn left, Lsn right) => left.Value > right.Value;

    /// <summary>Not later.</summary>
    public static bool operator <=(Lsn left, Lsn right) => left.Value <= right.Value;

    /// <summary>Not earlier.</summary>
    public static bool operator >=(Lsn left, Lsn right) => left.Value >= right.Value;
}
