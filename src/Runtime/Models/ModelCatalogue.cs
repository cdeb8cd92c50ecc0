using ControlCenter.Domain.Models;

namespace ControlCenter.Runtime.Models;

/// <summary>The catalogue that calls are routed by just now, in memory: a call costs no query.</summary>
public sealed class ModelCatalogue
{
    private volatile Catalogue _current = Catalogue.Empty;

    /// <summary>As it is.</summary>
    public Catalogue Current => _current;

    /// <summary>Takes over a newer one.</summary>
    public void Set(Catalogue catalogue) => _current = catalogue;
}
