using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>The sets of capabilities that tasks require, each kept once.</summary>
public static class CapabilitySets
{
    /// <summary>The id of a set, which is kept if it is new.</summary>
    /// <param name="unit">The transaction.</param>
    /// <param name="capabilities">Sorted, without duplicates.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<int> IdOfAsync(UnitOfWork unit, string[] capabilities, CancellationToken cancellationToken)
    {
        const string Find = "select id from capability_sets where capabilities = @capabilities";
        await using var find = unit.Command(Find, ("capabilities", capabilities));
        if (await find.ExecuteScalarAsync(cancellationToken) is int known)
        {
            return known;
        }

        await unit.ExecuteAsync(
            "insert into capability_sets (capabilities) values (@capabilities) on conflict do nothing", cancellationToken, ("capabilities", capabilities));
        return (int)(await find.ExecuteScalarAsync(cancellationToken))!;
    }
}
