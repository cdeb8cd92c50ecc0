using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace ControlCenter.Tests.Dashboard;

/// <summary>bUnit asks for a version of AngleSharp.Diffing that is not in the registry copy; the one beside the tests does the same.</summary>
internal static class BunitAssemblies
{
    [ModuleInitializer]
    internal static void Resolve() => AssemblyLoadContext.Default.Resolving += (context, name) =>
        name.Name == "AngleSharp.Diffing" ? context.LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, "compat", "AngleSharp.Diffing.dll")) : null;
}
