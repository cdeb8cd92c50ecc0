using System.Buffers.Text;
using System.Globalization;
using System.Text;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Runtime.Queries;

/// <summary>A page of a list (bus-api.md, Conventions).</summary>
/// <typeparam name="T">A read model.</typeparam>
/// <param name="Items">What is on it.</param>
/// <param name="NextCursor">Where the next page begins; null on the last.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);

/// <summary>Which page is asked for.</summary>
/// <param name="Limit">1 to 200.</param>
/// <param name="Cursor">What an earlier page gave as its next; null for the first.</param>
public sealed record PageRequest(int Limit = PageRequest.DefaultLimit, string? Cursor = null)
{
    /// <summary>The longest page.</summary>
    public const int MostItems = 200;

    /// <summary>What is meant when nothing is said.</summary>
    public const int DefaultLimit = 50;

    /// <summary>The place after which the page begins.</summary>
    /// <exception cref="ValidationException">It is no cursor that this host gave out.</exception>
    public long? Position
    {
        get
        {
            if (Cursor is null)
            {
                return null;
            }

            Span<byte> bytes = stackalloc byte[64];
            return Cursor.Length <= 64
                && Base64Url.IsValid(Cursor)
                && Base64Url.TryDecodeFromChars(Cursor, bytes, out var written)
                && long.TryParse(bytes[..written], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var position)
                ? position
                : throw new ValidationException("cursor", $"'{Cursor}' is not a cursor that a page of this list gave as its next_cursor.");
        }
    }

    /// <summary>Makes a page of rows that were read one beyond the limit.</summary>
    public Page<T> PageOf<T>(List<T> rows, Func<T, long> positionOf) =>
        rows.Count <= Limit
            ? new Page<T>(rows, null)
            : new Page<T>(rows[..Limit], Base64Url.EncodeToString(Encoding.ASCII.GetBytes(positionOf(rows[Limit - 1]).ToString(CultureInfo.InvariantCulture))));
}
