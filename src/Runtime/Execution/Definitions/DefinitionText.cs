using ControlCenter.Domain.Execution;

namespace ControlCenter.Runtime.Execution.Definitions;

/// <summary>The fields of a definition's file, as far as they are given; the rest is what <see cref="AgentDefinition"/> says.</summary>
internal sealed class DefinitionText
{
    public string? Name { get; set; }

    public string? Description { get; set; }

    public string? Adapter { get; set; }

    public List<string>? Command { get; set; }

    public bool? Terminal { get; set; }

    public string? Url { get; set; }

    public string? ModelRoute { get; set; }

    public string? Instructions { get; set; }

    public List<string>? Capabilities { get; set; }

    public List<string>? Tools { get; set; }

    public List<string>? HostLabels { get; set; }

    public int? Instances { get; set; }

    public LimitsText? Limits { get; set; }

    public Dictionary<string, string>? Environment { get; set; }

    public WorkspaceText? Workspace { get; set; }

    public List<HookText>? Hooks { get; set; }

    public AgentDefinition ToDefinition(string fileName)
    {
        var usual = new AgentDefinition { Name = Name ?? fileName, Adapter = Adapter ?? "" };
        return usual with
        {
            Description = Description,
            Command = Command ?? usual.Command,
            Terminal = Terminal ?? usual.Terminal,
            Url = Url,
            ModelRoute = ModelRoute,
            Instructions = Instructions,
            Capabilities = Capabilities ?? usual.Capabilities,
            Tools = Tools ?? usual.Tools,
            HostLabels = HostLabels ?? usual.HostLabels,
            Instances = Instances ?? usual.Instances,
            Limits = Limits?.Over(usual.Limits) ?? usual.Limits,
            Environment = Environment ?? usual.Environment,
            Workspace = Workspace?.Over(usual.Workspace) ?? usual.Workspace,
            Hooks = Hooks?.ConvertAll(h => h?.ToHook() ?? new AgentHook("", [])) ?? usual.Hooks,
        };
    }

    internal sealed class LimitsText
    {
        public int? Iterations { get; set; }

        public int? ToolCallSeconds { get; set; }

        public long? Tokens { get; set; }

        public int? WallSeconds { get; set; }

        public int? MemoryMb { get; set; }

        public int? Depth { get; set; }

        public int? FanOut { get; set; }

        public int? CommandSeconds { get; set; }

        public int? DiskMb { get; set; }

        public AgentLimits Over(AgentLimits usual) => new(
            Iterations ?? usual.Iterations, ToolCallSeconds ?? usual.ToolCallSeconds, Tokens ?? usual.Tokens, WallSeconds ?? usual.WallSeconds,
            MemoryMb ?? usual.MemoryMb, Depth ?? usual.Depth, FanOut ?? usual.FanOut, CommandSeconds ?? usual.CommandSeconds, DiskMb ?? usual.DiskMb);
    }

    internal sealed class HookText
    {
        public string? On { get; set; }

        public List<string>? Command { get; set; }

        public int? TimeoutSeconds { get; set; }

        public bool? Required { get; set; }

        public AgentHook ToHook()
        {
            var usual = new AgentHook(On ?? "", Command ?? []);
            return usual with { TimeoutSeconds = TimeoutSeconds ?? usual.TimeoutSeconds, Required = Required ?? usual.Required };
        }
    }

    internal sealed class WorkspaceText
    {
        public string? Kind { get; set; }

        public string? Repository { get; set; }

        public string? Ref { get; set; }

        public bool? Keep { get; set; }

        public WorkspaceDefinition Over(WorkspaceDefinition usual) => new(Kind ?? usual.Kind, Repository ?? usual.Repository, Ref ?? usual.Ref, Keep ?? usual.Keep);
    }
}
