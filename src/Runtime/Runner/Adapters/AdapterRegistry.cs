namespace ControlCenter.Runtime.Runner.Adapters;

/// <summary>The execution adapters that this program has.</summary>
public sealed class AdapterRegistry
{
    private readonly Dictionary<string, IExecutionAdapter> _adapters;

    /// <summary>Holds the given ones.</summary>
    public AdapterRegistry(IEnumerable<IExecutionAdapter> adapters) => _adapters = adapters.ToDictionary(a => a.Name);

    /// <summary>All that there are.</summary>
    public static AdapterRegistry Standard { get; } = new([new ProcessAdapter(), new ClaudeCodeAdapter(), new CodexAdapter(), new HttpAdapter(), new ModelAdapter()]);

    /// <summary>Their names.</summary>
    public IReadOnlyCollection<string> Names => _adapters.Keys;

    /// <summary>The one of a name; null where there is none.</summary>
    public IExecutionAdapter? Find(string name) => _adapters.GetValueOrDefault(name);

    /// <summary>The one of a name.</summary>
    /// <exception cref="LaunchException">There is none.</exception>
    public IExecutionAdapter this[string name] =>
        _adapters.TryGetValue(name, out var adapter) ? adapter : throw new LaunchException($"There is no adapter '{name}' on this host; it has {string.Join(", ", Names.Order())}.");
}
