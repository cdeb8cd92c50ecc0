namespace ControlCenter.Domain.Events;

/// <summary>The names of what happens: <c>^[a-z0-9][a-z0-9_.-]{0,79}$</c> (bus-api.md, Events).</summary>
public static class EventKind
{
    private const int Longest = 80;

    private static readonly string[] Families =
    [
        "agent.", "ticket.", "task.", "lease.", "escalation.", "intervention.", "runtime.", "cost.", "budget.", "alert.",
        "governor.", "backup.", "admission.", "security.", "bus.",
    ];

    /// <summary>The families that only the host writes.</summary>
    public static IReadOnlyList<string> ReservedFamilies => Families;

    /// <summary>Whether a name has the form.</summary>
    public static bool IsValid(ReadOnlySpan<char> kind)
    {
        if (kind.Length is 0 or > Longest || !(char.IsAsciiLetterLower(kind[0]) || char.IsAsciiDigit(kind[0])))
        {
            return false;
        }

        foreach (var c in kind)
        {
            if (!(char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '_' or '.' or '-'))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether only the host may write it.</summary>
    public static bool IsReserved(ReadOnlySpan<char> kind)
    {
        // A loop and no predicate: this runs for every posted event, and a closure would be an allocation for each.
        foreach (var family in Families)
        {
            if (kind.StartsWith(family, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
