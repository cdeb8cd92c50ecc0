using System.Text.RegularExpressions;
using ControlCenter.Domain.Costs;
using AccessPaths = ControlCenter.Domain.Text.WireNames<ControlCenter.Domain.Costs.AccessPath>;

namespace ControlCenter.Domain.Models;

/// <summary>What is wrong with an entry of the catalogue: field → message, for whoever wrote it.</summary>
public static partial class CatalogueRules
{
    private const int LongestModelName = 200;
    private const int MostCandidates = 20;
    private const int MostWindows = 5;
    private const int LongestSource = 500;

    // A month: what is longer is no window of a subscription that is paid by the month.
    private const int LongestWindowHours = 744;

    /// <summary>Everything that is wrong with a whole catalogue, each by its path: <c>modules[2].provider</c>.</summary>
    public static IEnumerable<(string Field, string Message)> Check(
        IReadOnlyList<Provider> providers, IReadOnlyList<Module> modules, IReadOnlyList<Price> prices, IReadOnlyList<Route> routes)
    {
        var providerIds = providers.Select(p => p.Id).ToHashSet(StringComparer.Ordinal);
        var moduleIds = modules.Select(m => m.Id).ToHashSet(StringComparer.Ordinal);
        return Each("providers", providers, p => p.Id, Check)
            .Concat(Each("modules", modules, m => m.Id, m => Check(m, providerIds)))
            .Concat(Each("prices", prices, p => $"{p.Module} from {p.EffectiveFrom:O}", p => Check(p, moduleIds).Concat(CheckAccessPath(p, modules))))
            .Concat(Each("routes", routes, r => r.Alias, r => Check(r, moduleIds).Concat(ShadowRules.Check(r, providers, modules))));
    }

    /// <summary>What is wrong with a provider.</summary>
    public static IEnumerable<(string Field, string Message)> Check(Provider provider)
    {
        if (!IsId(provider.Id))
        {
            yield return ("id", NotAnId(provider.Id));
        }

        if (!Uri.TryCreate(provider.Endpoint, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https")
            || address.Query.Length > 0 || address.Fragment.Length > 0 || address.UserInfo.Length > 0)
        {
            yield return ("endpoint", "An address such as https://api.example.com, without a query and without a password.");
        }
        else if (address.AbsolutePath.TrimEnd('/').EndsWith("/v1", StringComparison.Ordinal))
        {
            yield return ("endpoint", "The address up to, and without, /v1: the gateway adds the path of each call.");
        }

        // What is not a reference may well be the secret itself, so it is not repeated.
        if (provider.Credential is { } reference && !Reference().IsMatch(reference))
        {
            yield return ("credential", "A reference, env:NAME or file:/PATH; never the key itself.");
        }

        if (provider.AnswerTimeoutSeconds is < 1 or > 3600)
        {
            yield return ("answer_timeout_seconds", $"Between 1 and 3600; {provider.AnswerTimeoutSeconds} was given.");
        }

        if (provider.IdleTimeoutSeconds is < 1 or > 3600)
        {
            yield return ("idle_timeout_seconds", $"Between 1 and 3600; {provider.IdleTimeoutSeconds} was given.");
        }
    }

    /// <summary>What is wrong with a module.</summary>
    public static IEnumerable<(string Field, string Message)> Check(Module module, IReadOnlySet<string> providers)
    {
        if (!IsId(module.Id))
        {
            yield return ("id", NotAnId(module.Id));
        }

        if (!providers.Contains(module.Provider))
        {
            yield return ("provider", $"There is no provider '{module.Provider}'.");
        }

        if (!IsModelName(module.UpstreamModel))
        {
            yield return ("upstream_model", $"1 to {LongestModelName} printable characters without spaces.");
        }

        if (module.ContextWindow is < 1)
        {
            yield return ("context_window", $"At least 1; {module.ContextWindow} was given.");
        }

        if (module.MaxOutput is < 1)
        {
            yield return ("max_output", $"At least 1; {module.MaxOutput} was given.");
        }

        if (module.Capabilities is { } capabilities && (capabilities.Length > 50 || !Array.TrueForAll(capabilities, IsId)))
        {
            yield return ("capabilities", "Up to 50 words of lower-case letters, digits, dots, hyphens and underscores.");
        }

        foreach (var evidence in module.Evidence ?? [])
        {
            if (!Evidence.Fields.Contains(evidence.Field))
            {
                yield return ("evidence", $"'{evidence.Field}' is none of {string.Join(", ", Evidence.Fields)}.");
            }

            if (evidence.Source.Length is 0 or > LongestSource || evidence.Source.Any(char.IsControl))
            {
                yield return ("evidence", $"The source of '{evidence.Field}' has 1 to {LongestSource} printable characters.");
            }
        }

        if ((module.Evidence ?? []).DistinctBy(e => e.Field).Count() != (module.Evidence?.Length ?? 0))
        {
            yield return ("evidence", "Each field once.");
        }
    }

    /// <summary>What is wrong with a price.</summary>
    public static IEnumerable<(string Field, string Message)> Check(Price price, IReadOnlySet<string> modules)
    {
        if (!modules.Contains(price.Module))
        {
            yield return ("module", $"There is no module '{price.Module}'.");
        }

        if (!Money.IsCurrency(price.Currency))
        {
            yield return ("currency", $"'{price.Currency}' is not a currency: three upper-case letters (ISO 4217).");
        }

        foreach (var (field, amount) in new (string, decimal?)[]
        {
            ("input", price.Input), ("output", price.Output), ("cache_read", price.CacheRead), ("cache_write", price.CacheWrite),
            ("reasoning", price.Reasoning), ("per_hour", price.PerHour),
        })
        {
            if (amount is < 0 or > 1_000_000)
            {
                yield return (field, $"Between 0 and 1,000,000; {amount} was given.");
            }
        }

        if (price.Subscription is not { } subscription)
        {
            yield break;
        }

        if (price.PerHour is not null)
        {
            yield return ("per_hour", "A module is paid by the hour or by a subscription, not by both.");
        }

        if (subscription.PerMonth is < 0 or > 1_000_000)
        {
            yield return ("subscription.per_month", $"Between 0 and 1,000,000; {subscription.PerMonth} was given.");
        }

        if (subscription.Windows.Length is 0 or > MostWindows || subscription.Windows.DistinctBy(w => w.Hours).Count() != subscription.Windows.Length)
        {
            yield return ("subscription.windows", $"1 to {MostWindows} windows, each of another length.");
        }

        if (Array.Exists(subscription.Windows, w => w.Hours is < 1 or > LongestWindowHours))
        {
            yield return ("subscription.windows.hours", $"Between 1 and {LongestWindowHours}.");
        }

        if (Array.Exists(subscription.Windows, w => w.Limit is < 1 or > 1_000_000_000_000))
        {
            yield return ("subscription.windows.limit", "Between 1 and 1,000,000,000,000.");
        }
    }

    // What is used of a subscription is found by its access path: one that said another would never count.
    private static IEnumerable<(string Field, string Message)> CheckAccessPath(Price price, IReadOnlyList<Module> modules) =>
        price.Subscription is not null && modules.FirstOrDefault(m => m.Id == price.Module) is { AccessPath: not AccessPath.Subscription } module
            ? [("subscription", $"The module '{module.Id}' has the access path '{AccessPaths.ToWire(module.AccessPath)}'; one with a subscription has 'subscription'.")]
            : [];

    /// <summary>What is wrong with a route.</summary>
    public static IEnumerable<(string Field, string Message)> Check(Route route, IReadOnlySet<string> modules)
    {
        if (!IsModelName(route.Alias))
        {
            yield return ("alias", $"1 to {LongestModelName} printable characters without spaces.");
        }

        if (route.Modules.Length is 0 or > MostCandidates || route.Modules.Distinct(StringComparer.Ordinal).Count() != route.Modules.Length)
        {
            yield return ("modules", $"1 to {MostCandidates} modules, each once.");
        }

        foreach (var missing in route.Modules.Where(m => !modules.Contains(m)))
        {
            yield return ("modules", $"There is no module '{missing}'.");
        }
    }

    private static IEnumerable<(string Field, string Message)> Each<T>(
        string list, IReadOnlyList<T> entries, Func<T, string> key, Func<T, IEnumerable<(string Field, string Message)>> check)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < entries.Count; i++)
        {
            foreach (var (field, message) in check(entries[i]))
            {
                yield return ($"{list}[{i}].{field}", message);
            }

            if (!seen.Add(key(entries[i])))
            {
                yield return ($"{list}[{i}]", $"'{key(entries[i])}' stands twice.");
            }
        }
    }

    private static bool IsId(string text) => Id().IsMatch(text);

    private static string NotAnId(string text) => $"'{text}' is not an id: up to 100 lower-case letters, digits, dots, hyphens and underscores, beginning with a letter or digit.";

    private static bool IsModelName(string text) => text.Length is > 0 and <= LongestModelName && text.All(c => c is > ' ' and <= '~');

    // No slash and no colon: ids stand in paths, and a breaker's id is provider:module.
    [GeneratedRegex("^[a-z0-9][a-z0-9._-]{0,99}$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Id();

    [GeneratedRegex("^(env:[A-Za-z_][A-Za-z0-9_]{0,199}|file:/.{1,1000})$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Reference();
}
