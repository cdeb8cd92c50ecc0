using System.Buffers.Binary;
using System.Buffers.Text;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Runtime.Queries;

/// <summary>A page of a list (bus-api.md, Conventions).</summary>
/// <typeparam name="T">A read model.</typeparam>
/// <param name="Items">What is on it.</param>
/// <param name="NextCursor">Where the next page begins; null on the last.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);

/// <summary>A place in a list that is ordered by time: the id tells apart what happened in the same microsecond.</summary>
/// <param name="At">When.</param>
/// <param name="Id">Which.</param>
public readonly record struct PlaceInTime(DateTimeOffset At, Guid Id);

/// <summary>Which page is asked for.</summary>
/// <param name="Limit">1 to 200.</param>
/// <param name="Cursor">What an earlier page gave as its next; null for the first.</param>
public sealed record PageRequest(int Limit = PageRequest.DefaultLimit, string? Cursor = null)
{
    /// <summary>The longest page.</summary>
    public const int MostItems = 200;

    /// <summary>What is meant when nothing is said.</summary>
    public const int DefaultLimit = 50;

    private const int NumberBytes = sizeof(long);
    private const int PlaceBytes = NumberBytes + 16;

    /// <summary>The number after which the page begins, in a list that is ordered by a number.</summary>
    /// <exception cref="ValidationException">It is no cursor that such a list gave out.</exception>
    public long? AfterNumber
    {
        get
        {
            Span<byte> bytes = stackalloc byte[NumberBytes];
            return Cursor is null ? null : Decode(bytes) ? BinaryPrimitives.ReadInt64BigEndian(bytes) : throw Refused();
        }
    }

    /// <summary>The place after which the page begins, in a list that is ordered by time.</summary>
    /// <exception cref="ValidationException">It is no cursor that such a list gave out.</exception>
    public PlaceInTime? AfterPlace
    {
        get
        {
            if (Cursor is null)
            {
                return null;
            }

            Span<byte> bytes = stackalloc byte[PlaceBytes];
            return Decode(bytes) && BinaryPrimitives.ReadInt64BigEndian(bytes) is var ticks && ticks >= 0 && ticks <= DateTime.MaxValue.Ticks
                ? new PlaceInTime(new DateTimeOffset(ticks, TimeSpan.Zero), new Guid(bytes[NumberBytes..], bigEndian: true))
                : throw Refused();
        }
    }

    /// <summary>Makes a page of rows that were read one beyond the limit.</summary>
    public Page<T> PageOf<T>(List<T> rows, Func<T, long> numberOf) => PageOf(rows, row =>
    {
        var bytes = new byte[NumberBytes];
        BinaryPrimitives.WriteInt64BigEndian(bytes, numberOf(row));
        return bytes;
    });

    /// <summary>Makes a page of rows that were read one beyond the limit.</summary>
    public Page<T> PageOf<T>(List<T> rows, Func<T, PlaceInTime> placeOf) => PageOf(rows, row =>
    {
        var bytes = new byte[PlaceBytes];
        var (at, id) = placeOf(row);
        BinaryPrimitives.WriteInt64BigEndian(bytes, at.UtcTicks);
        id.TryWriteBytes(bytes.AsSpan(NumberBytes), bigEndian: true, out _);
        return bytes;
    });

    private Page<T> PageOf<T>(List<T> rows, Func<T, byte[]> cursorOf) =>
        rows.Count <= Limit ? new Page<T>(rows, null) : new Page<T>(rows[..Limit], Base64Url.EncodeToString(cursorOf(rows[Limit - 1])));

    private bool Decode(Span<byte> bytes) =>
        Base64Url.IsValid(Cursor, out var length) && length == bytes.Length && Base64Url.TryDecodeFromChars(Cursor, bytes, out _);

    private static ValidationException Refused() => new("cursor", "This is not a cursor that a page of this list gave as its next_cursor.");
}
