using System.Globalization;
using System.Text.RegularExpressions;

namespace ControlCenter.Domain.Recovery;

/// <summary>What one bite of a prune came to. The log waits while one is under way, and is shipped before the next.</summary>
/// <param name="Repacked">Bytes that were read and written anew, because part of what they were stored with goes.</param>
/// <param name="Freed">Bytes that nothing needed, and that are gone.</param>
public sealed partial record PruneBite(long Repacked, long Freed)
{
    /// <summary>The first: small, because how fast the storage is has yet to be seen.</summary>
    public const long First = 64L << 20;

    /// <summary>No bite is larger. One that fails at its end has to be done again.</summary>
    public const long Largest = 8L << 30;

    // A fifth of the lag that is an alert (BK-12), so that one which comes out twice as long, and the shipment after it, raise none.
    private static readonly TimeSpan Aim = TimeSpan.FromMinutes(1);

    // A repository's files are of 16 MiB, and one that does not fit is left alone: with less than this nothing might get done.
    private const long Smallest = 32L << 20;

    /// <summary>Whether none after it would free anything: where nothing was written anew, all that may go has gone.</summary>
    public bool IsLast => Repacked == 0 || Freed == 0;

    /// <summary>How much the next may write anew, so that it takes about a minute.</summary>
    /// <param name="bytes">How much this one was allowed.</param>
    /// <param name="took">How long it took.</param>
    public static long Next(long bytes, TimeSpan took) =>
        Math.Clamp((long)(bytes * Math.Clamp(Aim / took, 0.25, 2)), Smallest, Largest);

    /// <summary>Reads it from what restic said of its plan; null where it said something else.</summary>
    public static PruneBite? Of(string said) =>
        Repack().Match(said) is { Success: true } repack && Total().Match(said) is { Success: true } total ? new PruneBite(Bytes(repack), Bytes(total)) : null;

    private static long Bytes(Match match) => (long)(decimal.Parse(match.Groups["number"].ValueSpan, CultureInfo.InvariantCulture) * match.Groups["unit"].Value switch
    {
        "KiB" => 1L << 10,
        "MiB" => 1L << 20,
        "GiB" => 1L << 30,
        "TiB" => 1L << 40,
        _ => 1L,
    });

    // restic 0.14 to 0.18: "to repack:          1332 blobs / 635.268 MiB".
    [GeneratedRegex(@"^to repack:\s+\d+ blobs / (?<number>[0-9.]+) (?<unit>([KMGT]i)?B)", RegexOptions.Multiline | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Repack();

    [GeneratedRegex(@"^total prune:\s+\d+ blobs / (?<number>[0-9.]+) (?<unit>([KMGT]i)?B)", RegexOptions.Multiline | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Total();
}
