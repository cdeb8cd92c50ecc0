namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>Which transcripts were removed for their age, and which can be.</summary>
internal static class TranscriptRetentionSql
{
    public const string Up =
        """
        -- The file is gone; its lines, bytes and hash stay, to say what it was.
        alter table runtimes add column transcript_removed_at timestamptz;
        create index runtimes_transcripts_by_age on runtimes (ended_at) where transcript_sha256 is not null and transcript_removed_at is null;
        """;

    public const string Down = "drop index runtimes_transcripts_by_age; alter table runtimes drop column transcript_removed_at;";
}
