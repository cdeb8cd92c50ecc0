using System.Text.Json.Nodes;

namespace ControlCenter.BuiltInAgents;

/// <summary>What was said so far, kept in a file so that another process can go on with it.</summary>
internal sealed class Conversation
{
    private readonly string _path;

    private Conversation(string path, JsonArray messages) => (_path, Messages) = (path, messages);

    /// <summary>In the form in which models are asked.</summary>
    public JsonArray Messages { get; }

    /// <summary>Nothing was said yet.</summary>
    public bool IsEmpty => Messages.Count == 0;

    /// <summary>Takes one up, or begins one.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="resumes">Goes on with what is there.</param>
    public static Conversation Open(string path, bool resumes)
    {
        var messages = resumes && File.Exists(path) && JsonNode.Parse(File.ReadAllText(path)) is JsonArray kept ? kept : [];

        // Cut off between a call and its result: a model is not to be asked with a call that has none.
        while (messages.Count > 0 && messages[^1]!["tool_calls"] is not null)
        {
            messages.RemoveAt(messages.Count - 1);
        }

        return new Conversation(path, messages);
    }

    public void Add(JsonObject message) => Messages.Add((JsonNode)message);

    /// <summary>Writes it, whole or not at all.</summary>
    public void Save()
    {
        File.WriteAllText(_path + ".tmp", Messages.ToJsonString());
        File.Move(_path + ".tmp", _path, overwrite: true);
    }
}
