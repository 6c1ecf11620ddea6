"""What a camera's image signal processor (ISP) does to photos: back to the sensor's values, and developed again."""
