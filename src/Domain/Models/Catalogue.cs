using System.Collections.Frozen;

namespace ControlCenter.Domain.Models;

/// <summary>Everything that can be called, as it is at one moment.</summary>
public sealed class Catalogue
{
    private readonly FrozenDictionary<string, Provider> _providers;
    private readonly FrozenDictionary<string, Module> _modules;
    private readonly FrozenDictionary<string, Route> _routes;
    private readonly FrozenDictionary<string, Module[]> _byUpstreamModel;
    private readonly FrozenDictionary<string, Price[]> _prices;

    /// <summary>Puts entries together that fit (<see cref="CatalogueRules"/>).</summary>
    public Catalogue(IEnumerable<Provider> providers, IEnumerable<Module> modules, IEnumerable<Price> prices, IEnumerable<Route> routes)
    {
        _providers = providers.ToFrozenDictionary(p => p.Id, StringComparer.Ordinal);
        _modules = modules.ToFrozenDictionary(m => m.Id, StringComparer.Ordinal);
        _routes = routes.ToFrozenDictionary(r => r.Alias, StringComparer.Ordinal);
        _byUpstreamModel = _modules.Values.GroupBy(m => m.UpstreamModel, StringComparer.Ordinal)
            .ToFrozenDictionary(g => g.Key, g => g.OrderBy(m => m.Id, StringComparer.Ordinal).ToArray(), StringComparer.Ordinal);
        _prices = prices.GroupBy(p => p.Module, StringComparer.Ordinal)
            .ToFrozenDictionary(g => g.Key, g => g.OrderByDescending(p => p.EffectiveFrom).ToArray(), StringComparer.Ordinal);
    }

    /// <summary>Nothing yet.</summary>
    public static Catalogue Empty { get; } = new([], [], [], []);

    /// <summary>Who serves.</summary>
    public IEnumerable<Provider> Providers => _providers.Values.OrderBy(p => p.Id, StringComparer.Ordinal);

    /// <summary>What is served.</summary>
    public IEnumerable<Module> Modules => _modules.Values.OrderBy(m => m.Id, StringComparer.Ordinal);

    /// <summary>By which names.</summary>
    public IEnumerable<Route> Routes => _routes.Values.OrderBy(r => r.Alias, StringComparer.Ordinal);

    /// <summary>All prices, the newest of a module first.</summary>
    public IEnumerable<Price> Prices => _prices.Values.SelectMany(p => p);

    /// <summary>A provider by its id.</summary>
    public Provider? Provider(string id) => _providers.GetValueOrDefault(id);

    /// <summary>A module by its canonical id.</summary>
    public Module? Module(string id) => _modules.GetValueOrDefault(id);

    /// <summary>A route by its alias.</summary>
    public Route? Route(string alias) => _routes.GetValueOrDefault(alias);

    /// <summary>The price of a module that is in force at a moment.</summary>
    public Price? PriceAt(string module, DateTimeOffset at) =>
        _prices.TryGetValue(module, out var prices) ? Array.Find(prices, p => p.EffectiveFrom <= at) : null;

    /// <summary>The candidates for what a caller calls its model: a route's alias, a module's id, or a provider's own name for it.</summary>
    /// <returns>Empty if nothing goes by that name.</returns>
    public IReadOnlyList<Module> Candidates(string model) =>
        _routes.TryGetValue(model, out var route) ? [.. route.Modules.Select(Module).OfType<Module>()]
        : Module(model) is { } module ? [module]
        : _byUpstreamModel.GetValueOrDefault(model) ?? [];
}
